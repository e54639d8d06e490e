"""What each thing costs, in processor time of Daybook and of PostgreSQL: `make bench-costs`.

costs.py DAYBOOK [--rows N]

DAYBOOK is a release build; DAYBOOK_TEST_POSTGRES_URL, which tests/with-postgres sets, names the server, and
DAYBOOK_TEST_POSTGRES_DATA its data. One process on a log of N entries (1,000,000): recording one entry a
request and a hundred, pages of 50 from random places of the log, with and without a filter, a search, and a
CSV export of everything; and the bytes that an entry takes in the database. README.md's chapter on sizing
is made from these. Python 3, standard library only.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import Postgres, Server  # noqa: E402

ENTRY = {
    "actor": {"id": "user-42", "type": "USER", "email": "ada@example.com", "name": "Ada Lovelace"},
    "action": "invoice.updated",
    "resource": {"type": "invoice", "id": "invoice-7", "name": "Invoice 7"},
    "changes": [{"field": "status", "old": "draft", "new": "sent"}, {"field": "total", "old": 100, "new": 120}],
    "metadata": {"ipAddress": "192.0.2.7", "userAgent": "Mozilla/5.0 (X11; Linux x86_64)", "requestId": "9f86d081884c7d65"},
}
RECORD = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }"
NODES = "edges { cursor node { id sequence timestamp actor { externalId email name } action outcome resource { type externalId name } } }"
PAGE = f"query($id: ID!, $filter: AuditLogFilter, $after: String) {{ auditLogs(organizationId: $id, first: 50, filter: $filter, after: $after) {{ {NODES} pageInfo {{ hasNextPage endCursor }} }} }}"


def used(process: str, fields: slice) -> int:
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[fields]))


def postgres_seconds() -> float:
    """Of the server's processes, those that have ended among them."""
    main = Path(os.environ["DAYBOOK_TEST_POSTGRES_DATA"], "postmaster.pid").read_text().split()[0]
    ticks = used(main, slice(11, 15))
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text().rsplit(")", 1)[1].split()[1] == main:
                ticks += used(stat.parent.name, slice(11, 13))
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(server: Server, what: str, units: int, work) -> None:
    before = time.monotonic(), server.processor_seconds(), postgres_seconds()
    work()
    after = time.monotonic(), server.processor_seconds(), postgres_seconds()
    wall, daybook, postgres = ((late - early) / units * 1e6 for early, late in zip(before, after))
    print(f"{what}: {daybook:,.1f} us of Daybook, {postgres:,.1f} us of PostgreSQL; {1e6 / wall:,.0f} a second here", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("daybook")
    options.add_argument("--rows", type=int, default=1_000_000)
    options = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="daybook-bench-", dir=os.environ.get("DAYBOOK_BENCH_DIR")) as folder:
        engine = Postgres(Path(folder), options.daybook)
        engine.fill(options.rows)
        organization = engine.organization
        size = int(engine.run("SELECT pg_database_size(current_database())"))
        print(f"an entry in the database, with its indexes and its words for searching: {size / options.rows:,.0f} bytes")
        with Server(options.daybook, engine, Path(folder)) as server, ThreadPoolExecutor(8) as pool:
            def record(count: int) -> None:
                given = {"organizationId": organization, "entries": [ENTRY] * count}
                server.graphql(RECORD, input=given)

            def page(filter: dict | None = None, after: str | None = None) -> str:
                return server.graphql(PAGE, id=organization, filter=filter, after=after)["auditLogs"]["pageInfo"]["endCursor"]

            def walk() -> None:
                after = None
                for _ in range(100):
                    after = page(None, after)

            measure(server, "an entry, recorded alone", 2_000, lambda: list(pool.map(record, [1] * 2_000)))
            measure(server, "an entry, recorded with 99 others", 20_000, lambda: list(pool.map(record, [100] * 200)))
            measure(server, "a page of 50", 1_000, lambda: list(pool.map(lambda _: walk(), range(10))))
            resource = lambda _: page({"resourceId": f"resource-{random.randrange(1, 1000)}"})
            measure(server, "a page of 50 of one resource", 1_000, lambda: list(pool.map(resource, range(1_000))))
            measure(server, "a row of a CSV export", options.rows, lambda: server.export("CSV"))
        engine.drop()


if __name__ == "__main__":
    main()
