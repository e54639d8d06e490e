"""What the benchmarks share: a log of many entries on each engine, a server on it, and its peers."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

COLUMNS = (
    "sequence id timestamp recorded_at recorded_by actor_type actor_id actor_email actor_name action outcome "
    "resource_type resource_id resource_name changes ip_address user_agent request_id extra hash"
).split()
SECRET = "benchmarks-need-no-secret-at-all-but-one-is-asked-for"

# One entry of number n, in the dialect of each engine: about 520 bytes as CSV. Hashes are random, for
# nobody checks them here.
POSTGRES_ROWS = """
INSERT INTO audit_logs ({columns}, organization_id, salt)
SELECT n, gen_random_uuid(), timestamptz '2024-01-01' + n * interval '31 seconds',
    timestamptz '2024-01-01' + n * interval '31 seconds', 'importer',
    (ARRAY['USER', 'USER', 'USER', 'SERVICE', 'SYSTEM'])[1 + n % 5], 'user-' || n % 5000,
    'user-' || n % 5000 || '@acme.example', 'Ada Löwe, No. ' || n % 5000,
    (ARRAY['device.assign', 'device.retire', 'user.login', 'report.export'])[1 + n % 4],
    (ARRAY['SUCCESS', 'SUCCESS', 'SUCCESS', 'FAILURE', 'DENIED'])[1 + n % 5],
    (ARRAY['device', 'user'])[1 + n % 2], 'resource-' || n % 100000, 'Laptop "' || n % 100000 || '"',
    '[{{"field":"owner","old":"user-' || n % 4999 || '","new":"user-' || n % 5000 || '"}}]',
    '10.' || n % 256 || '.7.9', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'request-' || n,
    CASE WHEN n % 3 = 0 THEN '{{"ticket":"OPS-' || n || '","reason":"scheduled replacement"}}' END,
    sha256(n::text::bytea), '{organization}', '\\x00'
FROM generate_series({first}, {last}) AS n
"""
SQLITE_ROWS = """
WITH RECURSIVE numbers (n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})
INSERT INTO audit_logs ({columns}, organization_id, salt)
SELECT n, randomblob(16), strftime('%Y-%m-%dT%H:%M:%S', 1704067200 + n * 31, 'unixepoch') || '.000000+00:00',
    strftime('%Y-%m-%dT%H:%M:%S', 1704067200 + n * 31, 'unixepoch') || '.000000+00:00', 'importer',
    CASE n % 5 WHEN 3 THEN 'SERVICE' WHEN 4 THEN 'SYSTEM' ELSE 'USER' END, 'user-' || n % 5000,
    'user-' || n % 5000 || '@acme.example', 'Ada Löwe, No. ' || n % 5000,
    CASE n % 4 WHEN 0 THEN 'device.assign' WHEN 1 THEN 'device.retire' WHEN 2 THEN 'user.login' ELSE 'report.export' END,
    CASE n % 5 WHEN 3 THEN 'FAILURE' WHEN 4 THEN 'DENIED' ELSE 'SUCCESS' END,
    CASE n % 2 WHEN 0 THEN 'device' ELSE 'user' END, 'resource-' || n % 100000, 'Laptop "' || n % 100000 || '"',
    '[{{"field":"owner","old":"user-' || n % 4999 || '","new":"user-' || n % 5000 || '"}}]',
    '10.' || n % 256 || '.7.9', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'request-' || n,
    CASE WHEN n % 3 = 0 THEN '{{"ticket":"OPS-' || n || '","reason":"scheduled replacement"}}' END,
    randomblob(32), x'{organization}', x'00'
FROM numbers
"""
# Rows of one INSERT.
BATCH = 100_000


class Engine:
    """A database with an organization `bench`."""

    name: str
    url: str

    def __init__(self, folder: Path, binary: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_TEST_")},
            "DAYBOOK_DATABASE_URL": self.url,
            "DAYBOOK_DATA_DIR": str(folder),
            "DAYBOOK_SECRET": SECRET,
            "DAYBOOK_LOG": "warn",
        }
        run = lambda *arguments: subprocess.run(
            [binary, *arguments], env=self.environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        run("migrate", "up")
        self.organization = run("organization", "create", "bench", "--name", "Benchmark")
        self.token = run("token", "--organization", "bench", "--role", "admin")

    def fill(self, rows: int) -> None:
        """Adds `rows` entries behind those that are there."""
        organization, last = self.head()
        for first in range(last + 1, last + rows + 1, BATCH):
            end = min(first + BATCH, last + rows + 1) - 1
            values = {"columns": ", ".join(COLUMNS), "organization": organization, "first": first, "last": end}
            self.run(self.rows.format(**values))
        self.run(f"UPDATE audit_log_heads SET sequence = {last + rows} WHERE sequence = {last}")
        self.run("ANALYZE")


class Postgres(Engine):
    name = "postgres"
    rows = POSTGRES_ROWS

    def __init__(self, folder: Path, binary: str) -> None:
        server = os.environ["DAYBOOK_TEST_POSTGRES_URL"]
        self.database = f"bench_{uuid.uuid4().hex}"
        self.server = server
        self.psql(server, f"CREATE DATABASE {self.database}")
        self.url = f"{server.rsplit('/', 1)[0]}/{self.database}"
        super().__init__(folder, binary)

    def psql(self, url: str, sql: str) -> str:
        command = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, sql: str) -> str:
        return self.psql(self.url, sql)

    def head(self) -> tuple[str, int]:
        sql = "SELECT id || ' ' || sequence FROM organizations JOIN audit_log_heads ON organization_id = id WHERE slug = 'bench'"
        organization, sequence = self.run(sql).split()
        return organization, int(sequence)

    def peer_name(self, kind: str) -> str:
        return {"CSV": "psql \\copy to csv", "JSONL": "COPY of row_to_json"}[kind]

    def peer(self, kind: str) -> float:
        organization, _ = self.head()
        rows = f"SELECT {', '.join(COLUMNS)} FROM audit_logs WHERE organization_id = '{organization}' ORDER BY sequence DESC"
        out = self.folder / "peer"
        copy = {
            "CSV": f"\\copy ({rows}) to '{out}' csv header",
            "JSONL": f"\\copy (SELECT row_to_json(r) FROM ({rows}) r) to '{out}'",
        }[kind]
        start = time.monotonic()
        self.run(copy)
        seconds = time.monotonic() - start
        out.unlink()
        return seconds

    def drop(self) -> None:
        self.psql(self.server, f"DROP DATABASE {self.database} WITH (FORCE)")


class Sqlite(Engine):
    name = "sqlite"
    rows = SQLITE_ROWS

    def __init__(self, folder: Path, binary: str) -> None:
        self.file = folder / "daybook.db"
        self.url = f"sqlite://{self.file}"
        super().__init__(folder, binary)

    def run(self, sql: str) -> list:
        with sqlite3.connect(self.file, timeout=60) as db:
            return db.execute(sql).fetchall()

    def head(self) -> tuple[str, int]:
        sql = "SELECT hex(id), sequence FROM organizations JOIN audit_log_heads ON organization_id = id WHERE slug = 'bench'"
        return self.run(sql)[0]

    def peer_name(self, kind: str) -> str:
        return "sqlite3 -csv"

    def peer(self, kind: str) -> float:
        organization, _ = self.head()
        columns = ", ".join("hex(hash)" if column == "hash" else "hex(id)" if column == "id" else column for column in COLUMNS)
        rows = f"SELECT {columns} FROM audit_logs WHERE organization_id = x'{organization}' ORDER BY sequence DESC"
        out = self.folder / "peer"
        start = time.monotonic()
        with out.open("wb") as file:
            subprocess.run(["sqlite3", "-readonly", "-csv", "-header", str(self.file), rows], stdout=file, check=True)
        seconds = time.monotonic() - start
        out.unlink()
        return seconds

    def wal_bytes(self) -> int:
        wal = self.file.with_name("daybook.db-wal")
        return wal.stat().st_size if wal.exists() else 0

    def drop(self) -> None:
        self.file.unlink()


@dataclass
class Exported:
    """An export that has succeeded."""

    records: int
    # From the claim to the end.
    seconds: float
    # From the mutation to the end, as its client saw it.
    wall_seconds: float


class Server:
    """`daybook serve`, whose cap is lifted unless it is given."""

    def __init__(
        self, binary: str, engine: Engine, folder: Path, cap: int | None = None, arguments: Sequence[str] = ()
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        environment = {
            **engine.environment,
            "DAYBOOK_LISTEN": self.address,
            "DAYBOOK_EXPORT_MAX_RECORDS": str(cap or 10**9),
            "DAYBOOK_EXPORT_INLINE_RECORDS": "0",
            "DAYBOOK_EXPORTS_PER_HOUR": "1000000",
        }
        self.engine, self.folder = engine, folder
        self.process = subprocess.Popen([binary, "serve", *arguments], env=environment)
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/readyz").close()
                break
            except OSError:
                time.sleep(0.05)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def graphql(self, query: str, **variables: object) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {self.engine.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}/graphql", body, headers)
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        return answer["data"]

    def start(self, kind: str, filter: dict | None = None) -> str:
        """Starts an export of everything, or of what a filter leaves; its job's ID."""
        logs = {"filter": filter} if filter else {}
        source = {"organizationId": self.engine.organization, "format": kind, "source": {"auditLogs": logs}}
        query = "mutation($input: StartExportInput!) { startExport(input: $input) { job { id } userErrors { message } } }"
        payload = self.graphql(query, input=source)["startExport"]
        if payload["job"] is None:
            raise RuntimeError(payload["userErrors"])
        return payload["job"]["id"]

    def job(self, job: str) -> dict:
        query = "query($id: ID!) { job(id: $id) { state createdAt startedAt finishedAt progress { done } error { message } artifact { recordCount } } }"
        return self.graphql(query, id=job)["job"]

    def export(self, kind: str) -> Exported:
        begun = time.monotonic()
        job = self.start(kind)
        while (found := self.job(job))["state"] in ("QUEUED", "RUNNING"):
            time.sleep(0.01)
        wall = time.monotonic() - begun
        if found["state"] != "SUCCEEDED":
            raise RuntimeError(found)
        for file in (self.folder / "artifacts").rglob("*"):
            if file.is_file():
                file.unlink()
        return Exported(int(found["artifact"]["recordCount"]), seconds(found), wall)

    def record(self, count: int) -> None:
        entry = {"actor": {"id": "bench"}, "action": "bench.record", "resource": {"type": "bench", "id": "1"}}
        given = {"organizationId": self.engine.organization, "entries": [entry] * count}
        query = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }"
        self.graphql(query, input=given)

    def memory(self, what: str) -> int:
        """KiB, as Linux counts them."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+)", status)[1])


    def processor_seconds(self) -> float:
        """What it used of all cores."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Report:
    """Lines, and whether each limit holds."""

    def __init__(self) -> None:
        self.is_fine = True

    def say(self, what: str, value: str, holds: bool) -> None:
        self.is_fine &= holds
        print(f"{'ok  ' if holds else 'MISS'} {what}: {value}", flush=True)


def seconds(job: dict) -> float:
    """From a job's start to its end."""
    start, end = (datetime.fromisoformat(job[key].replace("Z", "+00:00")) for key in ("startedAt", "finishedAt"))
    return (end - start).total_seconds()
