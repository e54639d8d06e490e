"""What a log costs as it grows, and what removing its start does to it: `make bench-growth`.

growth.py DAYBOOK [--rows N] [--indexes NAME,…] [--words] [--database NAME] [--partitions] [--keep-free GB]

DAYBOOK is a release build; DAYBOOK_TEST_POSTGRES_URL, which tests/with-postgres sets, names the server, whose
log is beside its data. What is larger than memory wants a server of its own there. N entries (1,000,000), short
ones, of 21 organizations that record in turns: three of five entries are the one's. Measured through one process:
recording by the hundred, and pages, each with the plan that PostgreSQL had for the service's own statement; then the
same while retention removes the older fifth of every log, and while the table is vacuumed at autovacuum's pace; then
what has been recorded in the room that became free. --indexes keeps these indexes only, --words fills the table
of words as well, --database names one that is filled already or stays when all is done, --partitions compares
native partitions instead. Python 3, standard library only.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import SECRET, Postgres, Server  # noqa: E402
from partitions import compare  # noqa: E402

SMALL = 20
# Of each fifty entries in a row, thirty are the large organization's and one is each small one's.
CYCLE, LARGE = 50, 30
DAYS = 500
KEPT = 400
# Row n of the whole, counted from 0; {words} is what a search looks for.
ENTRIES = """
SELECT o.id AS organization_id, CASE WHEN n % {cycle} < {large} THEN n / {cycle} * {large} + n % {cycle} + 1 ELSE n / {cycle} + 1 END
        + o.sequence AS sequence,
    at - (n % 7) * interval '1 second' AS timestamp, at AS recorded_at,
    CASE n % 10 WHEN 0 THEN 'SERVICE' ELSE 'USER' END AS actor_type, 'u' || abs(hashint8(n)) % 5000 AS actor_id,
    (ARRAY['doc.get', 'doc.put', 'doc.del', 'key.add', 'key.del', 'usr.in', 'usr.out', 'job.run'])[1 + abs(hashint8(n + 1)) % 8] AS action,
    (ARRAY['SUCCESS', 'FAILURE', 'DENIED'])[CASE n % 20 WHEN 0 THEN 2 WHEN 1 THEN 3 ELSE 1 END] AS outcome,
    'd' || abs(hashint8(n + 2)) % 100000 AS resource_id, sha256(int8send(n)) AS hash
FROM (SELECT n, {start} + n * {step} AS at FROM generate_series({first}::bigint, {last}::bigint) AS n) AS numbers
JOIN filled AS o ON o.place = CASE WHEN n % {cycle} < {large} THEN 0 ELSE n % {cycle} - {large} + 1 END
"""
LOGS = """
INSERT INTO audit_logs (organization_id, sequence, id, timestamp, recorded_at, recorded_by, actor_type, actor_id, action,
    outcome, resource_type, resource_id, changes, hash)
SELECT organization_id, sequence, gen_random_uuid(), timestamp, recorded_at, 'bench', actor_type, actor_id, action,
    outcome, 'doc', resource_id, '[]', hash
FROM ({entries}) AS entry
"""
WORDS = """
INSERT INTO audit_log_search (organization_id, sequence, timestamp, words)
SELECT organization_id, sequence, timestamp, array_to_tsvector(ARRAY(
    SELECT translate(encode(substr(uuid_send(organization_id), 14), 'base64'), '+/', '-_') || word
    FROM unnest(string_to_array(action, '.') || resource_id) AS word))
FROM ({entries}) AS entry
"""
RECORD = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }"
PAGE = """query($id: ID!, $filter: AuditLogFilter, $order: AuditLogOrder, $after: String) {
    auditLogs(organizationId: $id, first: 50, filter: $filter, orderBy: $order, after: $after) {
        edges { cursor node { id sequence timestamp actor { externalId } action outcome resource { type externalId } } } } }"""


class Grown(Postgres):
    """A database of many organizations: the large one is the first."""

    def __init__(self, folder: Path, binary: str, options: argparse.Namespace) -> None:
        self.options, self.binary = options, binary
        server = os.environ["DAYBOOK_TEST_POSTGRES_URL"]
        self.is_kept = options.database is not None
        is_there = self.is_kept and self.psql(server, f"SELECT 1 FROM pg_database WHERE datname = '{options.database}'")
        if not is_there:
            super().__init__(folder, binary)
            for number in range(1, SMALL + 1):
                self.daybook("organization", "create", f"small-{number}", "--name", f"Small {number}")
            if self.is_kept:
                self.psql(server, f"ALTER DATABASE {self.database} RENAME TO {options.database}")
        self.folder, self.server, self.database = folder, server, options.database or self.database
        self.url = f"{server.rsplit('/', 1)[0]}/{self.database}"
        others = {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_TEST_")}
        self.environment = {**others, "DAYBOOK_DATABASE_URL": self.url, "DAYBOOK_DATA_DIR": str(folder)}
        self.environment |= {"DAYBOOK_SECRET": SECRET, "DAYBOOK_LOG": "warn"}
        self.token = self.daybook("token", "--organization", "bench", "--role", "admin")
        rows = self.run("SELECT id FROM organizations WHERE slug IN ('bench', 'small-1') ORDER BY slug")
        self.ids = dict(zip(("large", "small"), rows.split()))
        self.tokens = {"large": self.token, "small": self.daybook("token", "--organization", "small-1", "--role", "admin")}
        self.is_filled = self.number("SELECT count(*) FROM audit_log_heads WHERE sequence > 1000") > 0

    def daybook(self, *arguments: str) -> str:
        command = [self.binary, *arguments]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout.strip()

    def number(self, sql: str) -> int:
        return int(self.run(sql) or 0)

    def add(self, rows: int, tables: tuple[str, ...], prepare: str = "", finish: str = "") -> None:
        """Adds rows to every log, behind those that are there, in one transaction."""
        begin = f"now() - interval '{DAYS} days'" if prepare else "now()"
        step = f"((now() - ({begin})) / {rows}.0)"
        script = [
            "BEGIN", "SET LOCAL synchronous_commit = off", "SET LOCAL session_replication_role = replica",
            "CREATE TEMP TABLE filled AS SELECT CASE slug WHEN 'bench' THEN 0 ELSE substr(slug, 7)::int END AS place,"
            f" id, {'0' if prepare else 'sequence'} AS sequence FROM organizations JOIN audit_log_heads ON organization_id = id WHERE slug <> 'instance'",
            "ANALYZE filled", prepare,
        ]
        for first in range(0, rows, 2_500_000):
            last = min(first + 2_500_000, rows) - 1
            values = {"first": first, "last": last, "start": begin, "step": step, "cycle": CYCLE, "large": LARGE}
            script += [table.format(entries=ENTRIES.format(**values)) for table in tables]
        script += [
            f"UPDATE audit_log_heads SET sequence = filled.sequence + {rows // CYCLE} * CASE place WHEN 0 THEN {LARGE} ELSE 1 END"
            " FROM filled WHERE organization_id = id", "DROP TABLE filled", finish, "COMMIT",
        ]
        self.guarded(script)

    def guarded(self, script: list[str]) -> None:
        """Runs it, unless the disk gets full meanwhile."""
        process = subprocess.Popen(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url], stdin=subprocess.PIPE, text=True)
        process.stdin.write(";\n".join(line for line in script if line) + ";\n")
        process.stdin.close()
        data = self.run("SHOW data_directory")
        while process.poll() is None:
            free = os.statvfs(data).f_bavail * os.statvfs(data).f_frsize / 1e9
            if free < self.options.keep_free:
                process.terminate()
                self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.database}' AND pid <> pg_backend_pid()")
                raise SystemExit(f"only {free:.1f} GB are free")
            time.sleep(1)
        if process.returncode:
            raise SystemExit("PostgreSQL refused")

    def fill(self, rows: int) -> None:
        """Without indexes, which are built behind the rows: sorted, and each once."""
        begun = time.monotonic()
        kept = self.options.indexes
        script = self.run(
            "SELECT indexname || '|' || indexdef FROM pg_indexes WHERE tablename IN ('audit_logs', 'audit_log_search') AND indexname NOT LIKE '%pkey'"
        ).splitlines()
        indexes = dict(line.split("|", 1) for line in script)
        wanted = {name: sql for name, sql in indexes.items() if kept is None or name.removeprefix("audit_logs_by_") in kept}
        keys = [f"ALTER TABLE {table} ADD PRIMARY KEY (organization_id, sequence)" for table in ("audit_logs", "audit_log_search")]
        prepare = [f"DROP INDEX {name}" for name in indexes]
        prepare += [f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey" for table in ("audit_logs", "audit_log_search")]
        # Emptied in the same transaction, the tables need no log of what is written to them (wal_level minimal).
        prepare += ["ALTER TABLE audit_logs DISABLE TRIGGER USER", "TRUNCATE audit_logs, audit_log_search"]
        tables = (LOGS, WORDS) if self.options.words else (LOGS,)
        self.add(rows, tables, ";\n".join(prepare), "ALTER TABLE audit_logs ENABLE TRIGGER USER")
        print(f"filled {rows:,} entries in {time.monotonic() - begun:.0f} s", flush=True)
        for sql in keys + list(wanted.values()):
            self.guarded(["SET max_parallel_maintenance_workers = 0", "SET synchronous_commit = off", sql])
        self.run("VACUUM (ANALYZE)")
        print(f"and built {len(wanted) + len(keys)} of {len(indexes) + len(keys)} indexes in {time.monotonic() - begun:.0f} s in all", flush=True)

    def sizes(self, what: str) -> None:
        sql = "SELECT pg_table_size('{0}') || ' ' || pg_indexes_size('{0}')"
        found = [map(int, self.run(sql.format(table)).split()) for table in ("audit_logs", "audit_log_search")]
        texts = [f"{name} {table / 1e6:,.0f} MB and {indexes / 1e6:,.0f} MB of indexes" for name, (table, indexes) in zip(("log", "words"), found)]
        print(f"{what}: {'; '.join(texts)}", flush=True)


def percentiles(times: list[float]) -> str:
    times = sorted(times)
    p99 = times[min(len(times) - 1, len(times) * 99 // 100)]
    return f"p50 {statistics.median(times) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms"


def cursor(organization: str, filter: dict, order: str, sequence: int) -> str:
    """A cursor as the service seals it (service/src/secret.rs), to begin anywhere."""
    key = hmac.digest(SECRET.encode(), b"daybook cursor v1\x01", hashlib.sha256)
    mac = lambda *parts: hmac.digest(key, b"".join(parts), hashlib.sha256)
    context = json.dumps(["audit_logs", organization, filter, order], separators=(",", ":")).encode()
    plain = b"\x01n" + struct.pack(">q", sequence)
    tag = mac(b"tag", struct.pack(">Q", len(context)), context, plain)[:12]
    body = bytes(a ^ b for a, b in zip(plain, mac(b"pad", tag, struct.pack(">Q", 0))))
    return base64.urlsafe_b64encode(tag + body).decode().rstrip("=")


class Client:
    """Records and pages, as one organization."""

    def __init__(self, engine: Grown, server: Server, name: str) -> None:
        self.engine, self.server, self.name = engine, server, name
        self.raw = engine.ids[name]
        self.id = base64.urlsafe_b64encode(b"O" + uuid.UUID(self.raw).bytes).decode().rstrip("=")

    def ask(self, query: str, **variables: object) -> dict:
        self.server.engine.token = self.engine.tokens[self.name]
        return self.server.graphql(query, **variables)

    def record(self) -> None:
        entry = {"actor": {"id": f"u{time.monotonic_ns() % 5000}"}, "action": "doc.get", "resource": {"type": "doc", "id": f"d{time.monotonic_ns() % 100_000}"}}
        self.ask(RECORD, input={"organizationId": self.id, "entries": [entry] * 100})

    def page(self, filter: dict, order: str, after: str | None = None) -> None:
        edges = self.ask(PAGE, id=self.id, filter=filter, order=order, after=after)["auditLogs"]["edges"]
        if not edges:
            raise RuntimeError(f"an empty page: {filter} {order}")

    def pages(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is asked for, and how."""
        head = self.engine.number(f"SELECT sequence FROM audit_log_heads WHERE organization_id = '{self.raw}'")
        day = lambda days: self.engine.run(f"SELECT to_char(now() - interval '{days} days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
        old = {"from": day(300), "to": day(299)}
        late = {"from": day(2)}
        yield "first page", lambda: self.page({}, "RECORDED_DESC")
        deep = cursor(self.raw, {}, "RECORDED_DESC", head // 2)
        yield "a page in the middle", lambda: self.page({}, "RECORDED_DESC", deep)
        yield "oldest first", lambda: self.page({}, "RECORDED_ASC")
        yield "oldest first by time", lambda: self.page({}, "TIMESTAMP_ASC")
        yield "an actor", lambda: self.page({"actorId": "u42"}, "RECORDED_DESC")
        yield "an actor, oldest first", lambda: self.page({"actorId": "u42"}, "RECORDED_ASC")
        yield "an action", lambda: self.page({"action": "key.add"}, "RECORDED_DESC")
        yield "actions by prefix", lambda: self.page({"action": "usr.*"}, "RECORDED_DESC")
        yield "actions by prefix, by time", lambda: self.page({"action": "usr.*"}, "TIMESTAMP_DESC")
        yield "the last two days", lambda: self.page(late, "RECORDED_DESC")
        yield "a day long ago, by time", lambda: self.page(old, "TIMESTAMP_DESC")
        yield "a day long ago", lambda: self.page(old, "RECORDED_DESC")
        yield "a day long ago, oldest first", lambda: self.page(old, "RECORDED_ASC")
        month = {"actorId": "u42", "from": day(300), "to": day(270)}
        yield "an actor in a month", lambda: self.page(month, "RECORDED_DESC")


class Plans:
    """The plans of the statements that the service sends, from the server's log (auto_explain)."""

    def __init__(self, engine: Grown) -> None:
        self.engine = engine
        engine.run(f"ALTER DATABASE {engine.database} SET session_preload_libraries = 'auto_explain'")
        self.set(-1)
        self.log = Path(engine.run("SHOW data_directory")).parent / "server.log"

    def set(self, least: int) -> None:
        settings = {"log_min_duration": least, "log_analyze": "on", "log_buffers": "on", "log_format": "json", "log_timing": "off"}
        for name, value in settings.items():
            command = ["psql", "-X", "-q", "-c", "LOAD 'auto_explain'", "-c", f"ALTER SYSTEM SET auto_explain.{name} = '{value}'", self.engine.url]
            subprocess.run(command, check=True, capture_output=True)
        self.engine.run("SELECT pg_reload_conf()")
        time.sleep(0.2)

    def of(self, work: Callable[[], None]) -> str:
        """What was read for it: blocks, rows that were looked at in vain, and along which index."""
        self.set(0)
        begin = self.log.stat().st_size
        work()
        time.sleep(0.3)
        self.set(-1)
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(begin)
            parts = file.read().split("plan:")[1:]
        found = [json.JSONDecoder().raw_decode(part.lstrip())[0] for part in parts]
        plans = [plan["Plan"] for plan in found if 'FROM "audit_logs"' in plan["Query Text"]]
        blocks = sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
        return f"{blocks:,} blocks: " + "; ".join(map(described, plans))


def described(plan: dict) -> str:
    nodes = [plan]
    for node in nodes:
        nodes += node.get("Plans", [])
    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    vain = sum(node.get(key, 0) * node.get("Actual Loops", 1) for node in nodes for key in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    ways = [f"{node['Node Type']} {node.get('Index Name', '')}".strip() for node in nodes if node["Node Type"] != "Limit"]
    return f"{blocks:,} blocks, {plan['Shared Read Blocks']:,} of them from disk, {vain:,} rows in vain ({' < '.join(ways)})"


def timed(work: Callable[[], None], seconds: float, least: int = 8, most: int = 500) -> list[float]:
    times: list[float] = []
    end = time.monotonic() + seconds
    while len(times) < least or time.monotonic() < end and len(times) < most:
        begun = time.monotonic()
        work()
        times.append(time.monotonic() - begun)
    return times


def survey(clients: list[Client], plans: Plans, what: str) -> None:
    for client in clients:
        for name, page in client.pages():
            try:
                times = timed(page, 2, 6)
                print(f"{what}, {client.name}, {name}: {percentiles(times)}; {plans.of(page)}", flush=True)
            except Exception as error:  # One that takes too long is a figure, too.
                print(f"{what}, {client.name}, {name}: {error}", flush=True)


def recorded(client: Client, seconds: float, what: str) -> None:
    wal = client.engine.number("SELECT pg_current_wal_insert_lsn() - '0/0'")
    times = timed(client.record, seconds, most=100_000)
    wal = client.engine.number("SELECT pg_current_wal_insert_lsn() - '0/0'") - wal
    print(f"{what}: {100 / statistics.mean(times):,.0f} entries a second by one client, {percentiles(times)}, {wal / len(times) / 100:,.0f} bytes of WAL an entry", flush=True)


@contextmanager
def load(engine: Grown, server: Server, what: str) -> Iterator[None]:
    """Records, and turns first pages and an actor's, as long as it lasts."""
    ended = threading.Event()
    client = Client(engine, server, "large")
    works = {"recording a hundred": client.record, "first page": lambda: client.page({}, "RECORDED_DESC"), "an actor": lambda: client.page({"actorId": "u42"}, "RECORDED_DESC")}
    works["oldest first"] = lambda: client.page({}, "RECORDED_ASC")
    times: dict[str, list[float]] = {name: [] for name in works}

    def run(name: str) -> None:
        while not ended.is_set():
            times[name] += timed(works[name], 0, 1)
            ended.wait(0.05)

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in works]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
        for name, found in times.items():
            print(f"{what} ({time.monotonic() - begun:.0f} s), {name} at 20 a second: {percentiles(found)}, {len(found):,} times", flush=True)


def dead(engine: Grown) -> str:
    return engine.run(
        "SELECT string_agg(relname || ' ' || n_dead_tup || ' dead of ' || n_live_tup || ', autovacuums ' || autovacuum_count, '; ' ORDER BY relname)"
        " FROM pg_stat_user_tables WHERE relname IN ('audit_logs', 'audit_log_search', 'retentions', 'audit_log_heads')"
    )


def prune(engine: Grown, most: float) -> None:
    """Has a worker remove the older fifth of the large log."""
    engine.daybook("retention", "set", "--organization", "bench", "--days", str(KEPT), "--yes")
    where = f"WHERE organization_id = '{engine.ids['large']}'"
    wal = engine.number("SELECT pg_current_wal_insert_lsn() - '0/0'")
    begun, last = time.monotonic(), (0.0, 0)
    worker = subprocess.Popen([engine.binary, "worker"], env=engine.environment)
    try:
        while time.monotonic() - begun < most:
            time.sleep(2)
            pruned, announced = map(int, engine.run(f"SELECT pruned || ' ' || announced FROM retentions {where}").split())
            seconds = time.monotonic() - begun
            if seconds - last[0] > 20:
                print(f"  after {seconds:.0f} s {pruned:,} of {announced:,}: {(pruned - last[1]) / (seconds - last[0]):,.0f} a second", flush=True)
                last = seconds, pruned
            if 0 < announced == pruned:
                break
            if worker.poll() is not None:
                raise SystemExit("the worker ended")
    finally:
        worker.terminate()
        worker.wait()
    wal = engine.number("SELECT pg_current_wal_insert_lsn() - '0/0'") - wal
    print(f"removed {pruned:,} of {announced:,} in {seconds:.0f} s: {pruned / seconds:,.0f} a second; {wal / 1e6:,.0f} MB of WAL with what was recorded; {dead(engine)}", flush=True)


def vacuum(engine: Grown) -> None:
    """At autovacuum's pace, with the memory that it has by default."""
    for table in ("audit_logs", "audit_log_search"):
        begun = time.monotonic()
        settings = "SET vacuum_cost_delay = '2ms'; SET vacuum_cost_limit = 200; SET maintenance_work_mem = '64MB'"
        command = ["psql", "-X", "-q", "-c", settings, "-c", f"VACUUM (VERBOSE, PARALLEL 0) {table}", engine.url]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
        lines = [line.strip() for line in said.splitlines() if line.startswith(("pages:", "tuples:", "index scan", "buffer usage", "WAL usage"))]
        print(f"vacuum of {table}: {time.monotonic() - begun:.0f} s; {'; '.join(lines[:8])}", flush=True)


def measure(engine: Grown, rows: int, options: argparse.Namespace) -> None:
    plans = Plans(engine)
    engine.sizes(f"{rows:,} entries")
    with Server(options.daybook, engine, engine.folder) as server:
        clients = [Client(engine, server, name) for name in ("large", "small")]
        for client in clients:
            recorded(client, options.seconds, f"recording by the hundred, {client.name}")
        survey(clients, plans, "before")
        with load(engine, server, "before"):
            time.sleep(options.seconds)
        if options.no_removing:
            return
        with load(engine, server, "while removing"):
            prune(engine, options.most)
        survey(clients[:1], plans, "after removing")
        engine.sizes("after removing")
        with load(engine, server, "during vacuum"):
            vacuum(engine)
        survey(clients[:1], plans, "after vacuum")
        engine.sizes("after vacuum")
    again = rows * (DAYS - KEPT) // DAYS * 3 // 5 // CYCLE * CYCLE
    begun = time.monotonic()
    engine.add(again, (LOGS, WORDS) if options.words else (LOGS,))
    engine.sizes(f"after {again:,} more were recorded, by SQL, in {time.monotonic() - begun:.0f} s")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("daybook")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--indexes", type=lambda text: set(text.split(",")))
    options.add_argument("--words", action="store_true")
    options.add_argument("--database")
    options.add_argument("--fill-only", action="store_true")
    options.add_argument("--partitions", action="store_true")
    options.add_argument("--no-removing", action="store_true")
    options.add_argument("--keep-free", type=float, default=5)
    options.add_argument("--seconds", type=float, default=15)
    options.add_argument("--most", type=float, default=1800)
    options = options.parse_args()
    rows = options.rows // CYCLE * CYCLE
    with tempfile.TemporaryDirectory(prefix="daybook-bench-", dir=os.environ.get("DAYBOOK_BENCH_DIR")) as folder:
        engine = Grown(Path(folder), options.daybook, options)
        if not engine.is_filled:
            engine.fill(rows)
        if options.partitions:
            compare(engine, rows)
        elif not options.fill_only:
            measure(engine, rows, options)
        if not engine.is_kept:
            engine.drop()


if __name__ == "__main__":
    main()
