"""Native partitions of `audit_logs` against the table as it is, in copies of the same rows: part of growth.py.

PRIMARY KEY (organization_id, sequence) has to stay the database's own, so a partition's key is one of its columns.
"""

import json
import statistics
import subprocess
import time

# Of the large organization's log.
RANGES = 20
HASHES = 16
PARENT = "CREATE TABLE {copy} (LIKE audit_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"


def layouts(organization: str, last: int) -> dict[str, list[str]]:
    """The statements that make each copy, {copy}."""
    width = last // RANGES + 1
    bounds = [(number, number * width + 1, (number + 1) * width + 1) for number in range(RANGES)]
    bounds.append((RANGES, RANGES * width + 1, 1 << 40))
    ranges = lambda parent: [f"CREATE TABLE {{copy}}_{n} PARTITION OF {parent} FOR VALUES FROM ({start}) TO ({end})" for n, start, end in bounds]
    return {
        "one table": [PARENT],
        f"{HASHES} hashes of the organization": [
            PARENT + " PARTITION BY HASH (organization_id)",
            *(f"CREATE TABLE {{copy}}_{n} PARTITION OF {{copy}} FOR VALUES WITH (MODULUS {HASHES}, REMAINDER {n})" for n in range(HASHES)),
        ],
        f"{RANGES + 1} ranges of sequences": [PARENT + " PARTITION BY RANGE (sequence)", *ranges("{copy}")],
        f"the large organization's own {RANGES + 1} ranges, and one partition for the rest": [
            PARENT + " PARTITION BY LIST (organization_id)",
            "CREATE TABLE {copy}_rest PARTITION OF {copy} DEFAULT",
            f"CREATE TABLE {{copy}}_own PARTITION OF {{copy}} FOR VALUES IN ('{organization}') PARTITION BY RANGE (sequence)",
            *ranges("{copy}_own"),
        ],
    }


def script(url: str, statements: list[str]) -> str:
    text = ";\n".join(statements) + ";\n"
    command = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", url]
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout


def compare(engine, rows: int) -> None:
    large, small = engine.ids["large"], engine.ids["small"]
    last = engine.number(f"SELECT max(sequence) FROM audit_logs WHERE organization_id = '{large}'")
    indexes = engine.run("SELECT indexdef FROM pg_indexes WHERE tablename = 'audit_logs' AND indexname NOT LIKE '%pkey'").splitlines()
    for name, statements in layouts(large, last).items():
        begun = time.monotonic()
        make = [statement.format(copy="copied") for statement in statements]
        make += ["INSERT INTO copied SELECT * FROM audit_logs", "ALTER TABLE copied ADD PRIMARY KEY (organization_id, sequence)"]
        make += [sql.replace(" public.audit_logs ", " copied ").replace("audit_logs_by_", "copied_by_") for sql in indexes]
        engine.guarded(["SET synchronous_commit = off", "SET max_parallel_maintenance_workers = 0", *make])
        engine.run("VACUUM (ANALYZE) copied")
        count = engine.number("SELECT greatest(1, count(*)) FROM pg_partition_tree('copied') WHERE isleaf")
        print(f"{name}: {rows:,} entries, {count * (len(indexes) + 1)} indexes, made in {time.monotonic() - begun:.0f} s", flush=True)
        for what, sql in pages(large, small, last).items():
            print(f"  {what}: {planned(engine.url, sql)}", flush=True)
        print(f"  recording: {recorded(engine.url, large, last)}", flush=True)
        for line in removed(engine, large, last, name):
            print(f"  removing: {line}", flush=True)
        script(engine.url, ["DROP TABLE copied"])


def pages(large: str, small: str, last: int) -> dict[str, str]:
    page = lambda organization, where, order: f"SELECT * FROM copied WHERE organization_id = '{organization}' {where} ORDER BY {order} LIMIT 51"
    newest = "sequence DESC"
    return {
        "first page, large": page(large, "", newest),
        "first page, small": page(small, "", newest),
        "in the middle, large": page(large, f"AND sequence < {last // 2}", newest),
        "by time, large": page(large, "", "timestamp DESC, sequence DESC"),
        "an actor, large": page(large, "AND actor_id = 'u42'", newest),
        "an actor, small": page(small, "AND actor_id = 'u42'", newest),
        "two days by time, large": page(large, "AND timestamp >= now() - interval '300 days' AND timestamp < now() - interval '298 days'", "timestamp DESC, sequence DESC"),
        "one entry, large": f"SELECT * FROM copied WHERE organization_id = '{large}' AND sequence = {last // 3}",
    }


def planned(url: str, sql: str) -> str:
    """Medians of forty runs in one session, the first ten left out."""
    text = script(url, [f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}"] * 50)
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        plan, end = decoder.raw_decode(text)
        found.append(plan[0])
        text = text[end:]
    found = found[10:]
    median = lambda key: statistics.median(plan[key] for plan in found)
    blocks = found[-1]["Plan"]["Shared Hit Blocks"] + found[-1]["Plan"]["Shared Read Blocks"]
    return f"planned in {median('Planning Time'):.2f} ms, run in {median('Execution Time'):.2f} ms, {blocks} blocks"


def recorded(url: str, organization: str, last: int) -> str:
    """By the hundred, each a transaction, at the log's end."""
    rows = "SELECT '{0}', {1} + n, gen_random_uuid(), now(), now(), 'bench', 'USER', 'u' || (n * 7919 + {1}) % 5000, NULL, NULL, 'doc.get', 'SUCCESS', 'doc', 'd' || (n * 104729 + {1}) % 100000, NULL, NULL, NULL, NULL, '[]', NULL, NULL, '\\x00', '\\x00' FROM generate_series(1, 100) AS n"
    begun = time.monotonic()
    script(url, ["INSERT INTO copied " + rows.format(organization, last + batch * 100) for batch in range(300)])
    return f"{30_000 / (time.monotonic() - begun):,.0f} entries a second"


def removed(engine, organization: str, last: int, name: str) -> list[str]:
    """The older fifth of the large log, in batches, and by dropping what partitions lie within."""
    through = last // 5
    wal = lambda: engine.number("SELECT pg_current_wal_insert_lsn() - '0/0'")
    lines = []
    before = wal()
    begun = time.monotonic()
    own = "own" in name
    part = "copied_own" if own else "copied"
    bounds = engine.run(f"SELECT relname || ' ' || substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''(\\d+)''\\)') FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = '{part}'::regclass AND pg_get_expr(relpartbound, oid) LIKE '%TO (%'").splitlines()
    within = [line.split()[0] for line in bounds if int(line.split()[1]) <= through + 1]
    dropped = 0
    for partition in within:
        if engine.number(f"SELECT count(*) FROM (SELECT FROM {partition} WHERE organization_id <> '{organization}' LIMIT 1) AS other"):
            continue
        engine.run(f"DROP TABLE {partition}")
        dropped += 1
    if bounds:
        lines.append(f"{dropped} of {len(within)} partitions that lie within could be dropped, in {time.monotonic() - begun:.1f} s, {(wal() - before) / 1e6:,.1f} MB of WAL; the others hold what other organizations keep")
    first = engine.number(f"SELECT min(sequence) FROM copied WHERE organization_id = '{organization}'")
    before, begun = wal(), time.monotonic()
    batches = range(first, through, 1_000)
    script(engine.url, [f"DELETE FROM copied WHERE organization_id = '{organization}' AND sequence >= {start} AND sequence < {min(start + 1_000, through + 1)}" for start in batches] or ["SELECT"])
    seconds = time.monotonic() - begun
    lines.append(f"{through + 1 - first:,} by the thousand in {seconds:.1f} s, {(wal() - before) / 1e6:,.0f} MB of WAL")
    begun = time.monotonic()
    engine.run("VACUUM copied")
    lines.append(f"vacuum at full speed in {time.monotonic() - begun:.1f} s")
    return lines
