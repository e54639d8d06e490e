#!/usr/bin/env python3
"""Read exports with other programs' readers and print what each finds, in the shape of the API.

    read_export.py FILE.csv|FILE.json|FILE.jsonl|FILE.parquet|FILE.xlsx …

Prints one JSON object: for each reader the records, so that a test can compare them with what GraphQL
answers. DuckDB reads all formats but XLSX, pandas CSV and Parquet, pyarrow Parquet, openpyxl XLSX.
"""

import datetime
import json
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

import duckdb
import openpyxl
import pandas
import pyarrow.parquet
from restore_csv import restore

Record = dict[str, Any]
Reader = Callable[[pathlib.Path], list[Record]]

LONGEST_CELL = 32_767
LONGEST_RECORD = 4 * 1024 * 1024
SHAPE = """{
    id: 'VARCHAR', sequence: 'VARCHAR', timestamp: 'VARCHAR', recordedAt: 'VARCHAR',
    clockSkewed: 'BOOLEAN', recordedBy: 'VARCHAR', onBehalfOf: 'JSON', relatedResources: 'JSON', hash: 'VARCHAR', action: 'VARCHAR', outcome: 'VARCHAR', changes: 'JSON',
    actor: 'STRUCT(id VARCHAR, type VARCHAR, email VARCHAR, name VARCHAR)',
    resource: 'STRUCT(type VARCHAR, id VARCHAR, name VARCHAR)',
    metadata: 'STRUCT(ipAddress VARCHAR, userAgent VARCHAR, requestId VARCHAR, extra JSON)'
}"""


def main() -> None:
    found = {}
    for path in map(pathlib.Path, sys.argv[1:]):
        for name, reader in READERS[path.suffix].items():
            found[f"{name} {path.suffix}"] = reader(path)
    print(json.dumps(found))


def duckdb_csv(path: pathlib.Path) -> list[Record]:
    # All that a guess could get wrong is said; the rest is RFC 4180.
    source = f"""read_csv('{path}', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"',
        new_line = '\\r\\n', max_line_size = {LONGEST_RECORD}, parallel = false)"""
    return [from_row(row, is_csv=True) for row in rows(source)]


def duckdb_json(path: pathlib.Path) -> list[Record]:
    kind = "array" if path.suffix == ".json" else "newline_delimited"
    source = f"""read_json('{path}', format = '{kind}', columns = {SHAPE},
        maximum_object_size = {LONGEST_RECORD})"""
    records = list(rows(source))
    for record in records:
        for name in ("onBehalfOf", "relatedResources"):
            record[name] = parsed(record[name])
        record["changes"] = parsed(record["changes"])
        record["metadata"]["extra"] = parsed(record["metadata"]["extra"])
    return records


def duckdb_parquet(path: pathlib.Path) -> list[Record]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return [from_row(row) for row in rows(f"'{path}'", connection)]


def rows(source: str, connection: duckdb.DuckDBPyConnection | None = None) -> list[Record]:
    result = (connection or duckdb.connect()).execute(f"SELECT * FROM {source}")  # noqa: S608
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def pandas_csv(path: pathlib.Path) -> list[Record]:
    # Only an empty cell is absent: by default pandas takes the text `null` for absent, too.
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    return [from_row(row, is_csv=True) for row in frame_rows(frame)]


def pandas_parquet(path: pathlib.Path) -> list[Record]:
    return [from_row(row) for row in frame_rows(pandas.read_parquet(path))]


def frame_rows(frame: pandas.DataFrame) -> list[Record]:
    absent = frame.isna().to_dict("records")
    found = frame.astype(object).to_dict("records")
    return [
        {name: None if is_absent[name] else value for name, value in row.items()}
        for row, is_absent in zip(found, absent, strict=True)
    ]


def pyarrow_parquet(path: pathlib.Path) -> list[Record]:
    file = pyarrow.parquet.ParquetFile(path)
    manifest = json.loads(file.metadata.metadata[b"daybook.manifest"])
    if manifest["columns"] != file.schema_arrow.names:
        sys.exit(f"{path}: the manifest has the columns {manifest['columns']}")
    return [from_row(row) for row in file.read().to_pylist()]


def openpyxl_xlsx(path: pathlib.Path) -> list[Record]:
    book = openpyxl.load_workbook(path)
    columns, rows, long, manifest = [], [], {}, {}
    for sheet in book:
        first, *others = (list(map(cell_value, row)) for row in sheet.iter_rows())
        last = f"A1:{openpyxl.utils.get_column_letter(len(first))}{len(others) + 1}"
        if (sheet.freeze_panes, sheet.auto_filter.ref) != ("A2", last):
            sys.exit(f"{sheet.title}: frozen at {sheet.freeze_panes}, filter {sheet.auto_filter.ref}")
        if sheet.title.startswith("Audit log"):
            columns = first
            rows += [dict(zip(first, row, strict=True)) for row in others]
        elif sheet.title.startswith("Long values"):
            for sequence, column, _part, _parts, text in others:
                long[sequence, column] = long.get((sequence, column), "") + text
        else:
            for name, value in others:
                manifest[name] = manifest.get(name, "") + value
    if json.loads(manifest["columns"]) != columns:
        sys.exit(f"the manifest has the columns {manifest['columns']}")
    if int(manifest["longCells"]) != len(long):
        sys.exit(f"{len(long)} long values, but the manifest has {manifest['longCells']}")
    return [from_row(from_sheet(row, long)) for row in rows]


def from_sheet(row: Record, long: dict[tuple[int, str], str]) -> Record:
    """A row with whole values and exact times."""
    for name in ["timestamp", "recordedAt"]:
        exact, date = row.pop(f"{name}Exact"), row[name]
        if date != exact and date.isoformat(timespec="milliseconds") != exact[:-4]:
            sys.exit(f"{date} is not {exact} in milliseconds")
        row[name] = exact
    row["clockSkewed"] = json.loads(row["clockSkewed"])
    for name, value in row.items():
        whole = long.get((row["sequence"], name))
        if whole is not None:
            start, note = value.rsplit("\u2026 ", 1)
            if not whole.startswith(start) or f"all {len(whole)} characters" not in note:
                sys.exit(f"{name} of {row['sequence']} is no start of the whole value, or {note} is wrong")
            row[name] = whole
    return row


def cell_value(cell: openpyxl.cell.Cell) -> object:
    """The value of a cell, which is a number, a date or a text, but never a formula."""
    if cell.data_type not in {"n", "d", "s"}:
        sys.exit(f"{cell.coordinate} is of type {cell.data_type}")
    if isinstance(cell.value, str):
        if cell.number_format != "@":
            sys.exit(f"{cell.coordinate} has the format {cell.number_format}")
        text = re.sub("_x([0-9A-F]{4})_", lambda match: chr(int(match[1], 16)), cell.value)
        if len(text.encode("utf-16-le")) // 2 > LONGEST_CELL:
            sys.exit(f"{cell.coordinate} is too long")
        return text
    return cell.value


def from_row(row: Record, *, is_csv: bool = False) -> Record:
    """A row of a table in the shape of the API."""
    if is_csv:
        row = {name: value and restore(value) for name, value in row.items()}
    return {
        "id": row["id"],
        "sequence": str(row["sequence"]),
        "timestamp": instant(row["timestamp"]),
        "recordedAt": instant(row["recordedAt"]),
        "clockSkewed": parsed(row["clockSkewed"]) if is_csv else row["clockSkewed"],
        "recordedBy": row["recordedBy"],
        "hash": row["hash"],
        "actor": {
            "id": row["actorId"],
            "type": row["actorType"],
            "email": row["actorEmail"],
            "name": row["actorName"],
        },
        "onBehalfOf": parsed(row["onBehalfOf"]),
        "action": row["action"],
        "outcome": row["outcome"],
        "resource": {"type": row["resourceType"], "id": row["resourceId"], "name": row["resourceName"]},
        "relatedResources": parsed(row["relatedResources"]),
        "changes": parsed(row["changes"]),
        "metadata": {
            "ipAddress": row["ipAddress"],
            "userAgent": row["userAgent"],
            "requestId": row["requestId"],
            "extra": parsed(row["extra"]),
        },
    }


def instant(value: str | datetime.datetime) -> str:
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        sys.exit(f"{value} has no zone")
    utc = value.astimezone(datetime.UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parsed(text: str | None) -> object:
    return None if text is None else json.loads(text)


READERS: dict[str, dict[str, Reader]] = {
    ".csv": {"duckdb": duckdb_csv, "pandas": pandas_csv},
    ".json": {"duckdb": duckdb_json},
    ".jsonl": {"duckdb": duckdb_json},
    ".parquet": {"duckdb": duckdb_parquet, "pandas": pandas_parquet, "pyarrow": pyarrow_parquet},
    ".xlsx": {"openpyxl": openpyxl_xlsx},
}

if __name__ == "__main__":
    main()
