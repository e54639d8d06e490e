"""Backups of a large log against the engine's own client, in pairs in one run.

tests/with-postgres python3 tests/bench/backups.py DAYBOOK [--rows N] [--pairs N] [--engine sqlite|postgres|both]

DAYBOOK is a release build. On PostgreSQL (DAYBOOK_TEST_POSTGRES_URL, which tests/with-postgres sets) the
peers are `pg_dump --data-only` and, for compressed backups, `pg_dump -Fc`; on SQLite `sqlite3 .dump`. Each pair
runs both, in turns first, and gives the ratio of their times; what counts is the median. Checksums are
included, verification is not: its time is printed apart, as is by how much the server's memory grew above idle.
Exit code 1 where a limit is missed. Python 3, standard library only.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import Postgres, Server, Sqlite, seconds  # noqa: E402

# Compression, and most of the peer's time that it may take.
LIMITS = {
    "postgres": [("NONE", 1.2), ("ZSTD", 0.5)],
    "sqlite": [("NONE", 1.0), ("ZSTD", None)],
}
# Most growth above idle, in MiB.
MEMORY = 32
MIB = 1024 * 1024


def peer(engine: Postgres | Sqlite, compression: str) -> tuple[float, int]:
    """Seconds and bytes of the engine's own client."""
    out = engine.folder / "peer"
    if engine.name == "sqlite":
        command = ["sqlite3", "-readonly", str(engine.file), ".dump"]
    else:
        kind = "--data-only" if compression == "NONE" else "-Fc"
        # Where the server's programs are, for those of another version may refuse it.
        program = Path(os.environ.get("DAYBOOK_TEST_POSTGRES_BIN", "")) / "pg_dump"
        command = [str(program) if program.exists() else "pg_dump", kind, engine.url]
    begun = time.monotonic()
    with out.open("wb") as file:
        subprocess.run(command, stdout=file, check=True)
    taken, size = time.monotonic() - begun, out.stat().st_size
    out.unlink()
    return taken, size


def backup(server: Server, compression: str, verify: bool) -> tuple[float, int]:
    """Seconds and bytes of a backup of everything."""
    start = "mutation($input: StartBackupInput!) { startBackup(input: $input) { job { id } userErrors { message } } }"
    payload = server.graphql(start, input={"compression": compression, "verify": verify})["startBackup"]
    if payload["job"] is None:
        raise RuntimeError(payload["userErrors"])
    query = "query($id: ID!) { job(id: $id) { state startedAt finishedAt error { message } artifact { sizeBytes } } }"
    while (job := server.graphql(query, id=payload["job"]["id"])["job"])["state"] in ("QUEUED", "RUNNING"):
        time.sleep(0.05)
    if job["state"] != "SUCCEEDED":
        raise RuntimeError(job)
    for file in (server.folder / "artifacts").rglob("*"):
        if file.is_file():
            file.unlink()
    return seconds(job), int(job["artifact"]["sizeBytes"])


def measure(engine: Postgres | Sqlite, server: Server, pairs: int) -> bool:
    is_fine = True
    idle = server.memory("VmRSS")
    for compression, limit in LIMITS[engine.name]:
        ours, theirs = [], []
        for turn in range(pairs):
            steps = [
                lambda kept=ours, kind=compression: kept.append(backup(server, kind, verify=False)),
                lambda kept=theirs, kind=compression: kept.append(peer(engine, kind)),
            ]
            for step in steps if turn % 2 == 0 else reversed(steps):
                step()
        ratio = statistics.median(mine[0] / other[0] for mine, other in zip(ours, theirs))
        size = ours[0][1] / theirs[0][1]
        holds = limit is None or (ratio <= limit and (compression == "NONE" or size <= 1))
        is_fine &= holds
        times = [f"{statistics.median(found[0] for found in taken):.2f} s" for taken in (ours, theirs)]
        print(
            f"{'ok  ' if holds else 'MISS'} {engine.name} {compression}: {times[0]}, peer {times[1]}, time x {ratio:.2f}"
            f" (limit {limit}), size x {size:.2f} ({ours[0][1] / MIB:.0f} MiB)",
            flush=True,
        )
    growth = (server.memory("VmHWM") - idle) / 1024
    verified = backup(server, "ZSTD", verify=True)[0]
    with_verification = (server.memory("VmHWM") - idle) / 1024
    holds = with_verification <= MEMORY
    print(
        f"{'ok  ' if holds else 'MISS'} {engine.name} memory above idle: {growth:.1f} MiB, verifying "
        f"{with_verification:.1f} MiB (limit {MEMORY}); verified backup {verified:.1f} s",
        flush=True,
    )
    return is_fine and holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("daybook")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--engine", choices=["sqlite", "postgres", "both"], default="both")
    options = parser.parse_args()
    is_fine = True
    for kind in (Postgres, Sqlite):
        if options.engine not in (kind.name, "both"):
            continue
        with tempfile.TemporaryDirectory(prefix="daybook-bench-", dir=os.environ.get("DAYBOOK_BENCH_DIR")) as folder:
            engine = kind(Path(folder), options.daybook)
            try:
                engine.fill(options.rows)
                operator = [options.daybook, "token", "--operator"]
                token = subprocess.run(operator, env=engine.environment, check=True, capture_output=True, text=True)
                engine.token = token.stdout.strip()
                with Server(options.daybook, engine, Path(folder)) as server:
                    is_fine &= measure(engine, server, options.pairs)
            finally:
                engine.drop()
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
