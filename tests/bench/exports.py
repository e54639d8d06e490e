"""Exports of a large log against the engine's own client, in pairs in one run: `make bench`.

exports.py DAYBOOK [--rows N] [--pairs N] [--engine sqlite|postgres|both]

DAYBOOK is a release build. On PostgreSQL (DAYBOOK_TEST_POSTGRES_URL, which tests/with-postgres sets) the
peers are `psql \\copy (…) to … csv` and COPY of row_to_json; on SQLite `sqlite3 -csv`. Each pair runs
both, in turns first, and gives the ratio of their rows a second; what counts is the median. Prints, too, by
how much the server's memory grew above idle, how long an export of 10,000 records takes from mutation to
SUCCEEDED, and how large SQLite's WAL gets while 20,000 entries are recorded during an export. Exit code 1
where a limit is missed. Python 3, standard library only.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import Postgres, Report, Server, Sqlite  # noqa: E402

# Format, what the peer is, and least ratio by engine.
LIMITS = {
    "postgres": [("CSV", 1.4), ("JSONL", 2.0)],
    "sqlite": [("CSV", 1.0)],
}
# Most growth above idle, in MiB.
MEMORY = 24
# Longest export of 10,000 records, in seconds.
SMALL = 0.4
# Most of SQLite's WAL, in MiB.
WAL = 64


def pairs(server: Server, engine: Postgres | Sqlite, kind: str, count: int) -> tuple[list[float], list[float]]:
    """Seconds of Daybook and of the peer, `count` times each."""
    ours, peers = [], []
    for turn in range(count):
        steps = [
            lambda: ours.append(server.export(kind).seconds),
            lambda: peers.append(engine.peer(kind)),
        ]
        for step in steps if turn % 2 == 0 else reversed(steps):
            step()
    return ours, peers


def speed(report: Report, server: Server, engine: Postgres | Sqlite, rows: int, count: int) -> None:
    for kind, least in LIMITS[engine.name]:
        ours, peers = pairs(server, engine, kind, count)
        ratios = [peer / own for own, peer in zip(ours, peers)]
        ratio = statistics.median(ratios)
        text = (
            f"{ratio:.2f} × {engine.peer_name(kind)} (each {', '.join(f'{ratio:.2f}' for ratio in ratios)}); "
            f"{rows / statistics.median(ours):,.0f} rows/s against {rows / statistics.median(peers):,.0f}"
        )
        report.say(f"{engine.name} {kind}", text, ratio >= least)


def memory(report: Report, engine: Postgres | Sqlite, binary: str, folder: Path) -> None:
    """Peak above idle, of a fresh process for each size: the same for few rows and for many."""
    for kind in ("CSV", "JSONL"):
        for records in (100_000, None):
            with Server(binary, engine, folder, records) as server:
                idle = server.memory("VmRSS")
                rows = server.export(kind).records
                growth = (server.memory("VmHWM") - idle) / 1024
                text = f"{growth:.1f} MiB above {idle / 1024:.1f} MiB for {rows:,} rows"
                report.say(f"{engine.name} {kind} memory", text, growth <= MEMORY)


def small(report: Report, engine: Postgres | Sqlite, binary: str, folder: Path) -> None:
    with Server(binary, engine, folder, 10_000) as server:
        server.export("CSV")
        seconds = statistics.median(server.export("CSV").wall_seconds for _ in range(5))
        text = f"{seconds * 1000:.0f} ms from mutation to SUCCEEDED"
        report.say(f"{engine.name} 10,000 records", text, seconds < SMALL)


def wal(report: Report, engine: Sqlite, binary: str, folder: Path) -> None:
    with Server(binary, engine, folder) as server:
        job = server.start("CSV")
        largest = recorded = 0
        while recorded < 20_000 or server.job(job)["state"] in ("QUEUED", "RUNNING"):
            if recorded < 20_000:
                server.record(500)
                recorded += 500
            largest = max(largest, engine.wal_bytes())
        text = f"{largest / 2**20:.1f} MiB while {recorded:,} entries were recorded during an export"
        report.say("sqlite WAL", text, largest < WAL * 2**20)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("daybook")
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    options = options.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
        for engine in (Postgres, Sqlite):
            if options.engine not in (engine.name, "both"):
                continue
            place = Path(folder) / engine.name
            place.mkdir()
            engine = engine(place, options.daybook)
            engine.fill(options.rows)
            memory(report, engine, options.daybook, place)
            with Server(options.daybook, engine, place) as server:
                speed(report, server, engine, options.rows, options.pairs)
            small(report, engine, options.daybook, place)
            if isinstance(engine, Sqlite):
                wal(report, engine, options.daybook, place)
            engine.drop()
    sys.exit(0 if report.is_fine else 1)


if __name__ == "__main__":
    main()
