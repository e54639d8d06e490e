#!/usr/bin/env python3
"""Compare an export with the entries that were imported: each there exactly once, every value equal.

    compare_export.py SOURCE.jsonl EXPORT.csv|EXPORT.json|EXPORT.jsonl [filters]

SOURCE holds JSON lines in the shape of Daybook's AuditLogEntryInput. What Daybook adds itself (id,
sequence, recordedAt, recordedBy, hash) is not compared, but no two records may share a sequence.
Timestamps are equal where they are the same instant, JSON values whatever the order of their keys.

An organization's log also holds entries that Daybook makes: `--action 'file.*'` looks only at such
entries, on both sides. The other options say what the export was filtered by and apply to the source
alone, so that a record which should not have been exported is found.

In CSV an empty cell is null; an apostrophe before = + - @ TAB or CR is the exporter's, put there so
that no spreadsheet runs the cell, and is taken away again. CSV cannot tell "" from null here, which
loses nothing: Daybook takes no empty strings.

Prints the counts. Exits 1, after the first differences, where there are any.
"""

import argparse
import collections
import collections.abc
import csv
import datetime
import json
import pathlib
import sys
from typing import Any

Record = dict[str, Any]
Records = collections.abc.Iterator[Record]

CSV_COLUMNS = [
    *("sequence", "id", "timestamp", "recordedAt", "recordedBy"),
    *("actorType", "actorId", "actorEmail", "actorName", "action", "outcome"),
    *("resourceType", "resourceId", "resourceName", "changes"),
    *("ipAddress", "userAgent", "requestId", "extra", "hash"),
]
FORMULA_STARTS = tuple("=+-@\t\r")
SHOWN = 10


def main() -> int:
    arguments = parse_arguments()
    source = collections.Counter(
        comparable(record) for record in json_lines(arguments.source) if wanted(record, arguments)
    )
    exported: collections.Counter[str] = collections.Counter()
    sequences: collections.Counter[str] = collections.Counter()
    for record in READERS[arguments.export.suffix](arguments.export):
        if has_action(record, arguments.action):
            exported[comparable(record)] += 1
            sequences[str(record["sequence"])] += 1

    missing, unexpected = source - exported, exported - source
    repeated = [sequence for sequence, times in sequences.items() if times > 1]
    print(f"{source.total()} entries in the source, {exported.total()} records in the export")
    print(f"{missing.total()} missing, {unexpected.total()} unexpected, {len(repeated)} repeated sequences")
    show("missing", missing)
    show("unexpected", unexpected)
    if repeated:
        print("repeated sequences:", ", ".join(repeated[:SHOWN]))
    return 1 if missing or unexpected or repeated else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare an export with its source.")
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("export", type=pathlib.Path, help=".csv, .json or .jsonl")
    parser.add_argument("--action", help="on both sides; a prefix where it ends in *")
    parser.add_argument("--actor-id", help="in the source")
    parser.add_argument("--actor-email", help="in the source")
    parser.add_argument("--from", dest="start", type=instant, help="in the source, at or after")
    parser.add_argument("--to", dest="end", type=instant, help="in the source, before")
    arguments = parser.parse_args()
    if arguments.export.suffix not in READERS:
        parser.error(f"{arguments.export} ends in none of {', '.join(READERS)}")
    return arguments


def wanted(record: Record, arguments: argparse.Namespace) -> bool:
    actor, at = record["actor"], instant(record["timestamp"])
    return (
        has_action(record, arguments.action)
        and arguments.actor_id in (None, actor["id"])
        and arguments.actor_email in (None, actor.get("email"))
        and (arguments.start is None or at >= arguments.start)
        and (arguments.end is None or at < arguments.end)
    )


def has_action(record: Record, pattern: str | None) -> bool:
    action: str = record["action"]
    if pattern is not None and pattern.endswith("*"):
        return action.startswith(pattern[:-1])
    return pattern in (None, action)


def comparable(record: Record) -> str:
    """All that was recorded, in one text: equal for equal entries, and readable in a difference."""
    actor, resource, metadata = record["actor"], record["resource"], record.get("metadata") or {}
    changes = [
        {key: change.get(key) for key in ("field", "old", "new")} for change in record.get("changes") or []
    ]
    compared = {
        "timestamp": instant(record["timestamp"]).isoformat(),
        "actor": {key: actor.get(key) for key in ("id", "email", "name")},
        "actorType": actor.get("type") or "USER",
        "action": record["action"],
        "outcome": record.get("outcome") or "SUCCESS",
        "resource": {key: resource.get(key) for key in ("type", "id", "name")},
        "changes": changes,
        "metadata": {key: metadata.get(key) for key in ("ipAddress", "userAgent", "requestId", "extra")},
    }
    return json.dumps(compared, ensure_ascii=False, sort_keys=True)


def instant(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = f"{text!r} has no offset"
        raise ValueError(message)
    return moment.astimezone(datetime.UTC)


def json_lines(path: pathlib.Path) -> Records:
    with path.open(encoding="utf-8", newline="\n") as file:
        yield from (json.loads(line) for line in file)


def json_array(path: pathlib.Path) -> Records:
    with path.open(encoding="utf-8") as file:
        yield from json.load(file)


def csv_rows(path: pathlib.Path) -> Records:
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8-sig", newline="") as file:  # -sig: with byte order mark or without
        rows = csv.reader(file, strict=True)
        header = next(rows)
        if header != CSV_COLUMNS:
            sys.exit(f"{path} has the columns {','.join(header)}; expected {','.join(CSV_COLUMNS)}")
        for row in rows:
            yield nested(dict(zip(header, map(cell, row), strict=True)))


def cell(text: str) -> str | None:
    if text.startswith("'") and text.lstrip("'").startswith(FORMULA_STARTS):
        return text[1:]
    return text or None


def nested(row: dict[str, str | None]) -> Record:
    """A CSV row in the shape of the JSON formats."""
    return {
        "sequence": row["sequence"],
        "timestamp": row["timestamp"],
        "actor": {
            "type": row["actorType"],
            "id": row["actorId"],
            "email": row["actorEmail"],
            "name": row["actorName"],
        },
        "action": row["action"],
        "outcome": row["outcome"],
        "resource": {
            "type": row["resourceType"],
            "id": row["resourceId"],
            "name": row["resourceName"],
        },
        "changes": json.loads(row["changes"] or "[]"),
        "metadata": {
            "ipAddress": row["ipAddress"],
            "userAgent": row["userAgent"],
            "requestId": row["requestId"],
            "extra": json.loads(row["extra"] or "null"),
        },
    }


READERS = {".csv": csv_rows, ".json": json_array, ".jsonl": json_lines}


def show(title: str, records: collections.Counter[str]) -> None:
    for text, times in list(records.items())[:SHOWN]:
        print(f"{title} ({times}x): {text}")


if __name__ == "__main__":
    sys.exit(main())
