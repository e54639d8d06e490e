"""How fast jobs are dispatched, drained and canceled, and what waiting for them costs: `make bench-jobs`.

jobs.py DAYBOOK [--jobs N] [--rows N] [--concurrency N]

DAYBOOK is a release build; DAYBOOK_TEST_POSTGRES_URL, which tests/with-postgres sets, names the server. One
process on PostgreSQL: how long an export waits from its creation to RUNNING where nothing else is to be done
(from before startExport's answer, so no less than from it); how many exports of one record are drained a
second by one worker; how long a running export of many rows takes from cancelJob to CANCELED, with nothing
left in the store; and the processor time of a server that has nothing to do. Exit code 1 where a limit is
missed. Python 3, standard library only.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import Postgres, Report, Server  # noqa: E402

# Longest median from creation to RUNNING, in milliseconds.
DISPATCH = 10
# Least jobs a second.
DRAIN = 1_000
# Longest from cancelJob to CANCELED, in seconds.
CANCEL = 1
# Most of a core, in percent.
IDLE = 1


def dispatch(report: Report, server: Server) -> None:
    waits = []
    for number in range(200):
        time.sleep(0.02)
        job = server.start("CSV", {"resourceId": f"resource-{number + 1}"})
        while (found := server.job(job))["state"] in ("QUEUED", "RUNNING"):
            time.sleep(0.005)
        created, started = (datetime.fromisoformat(found[key].replace("Z", "+00:00")) for key in ("createdAt", "startedAt"))
        waits.append((started - created).total_seconds() * 1000)
    median, most = statistics.median(waits), max(waits)
    report.say("dispatch", f"{median:.1f} ms at the median of {len(waits)}, {most:.1f} ms at the most", median < DISPATCH)


def drain(report: Report, engine: Postgres, binary: str, folder: Path, jobs: int, concurrency: int) -> None:
    with Server(binary, engine, folder, arguments=["--no-jobs"]) as server:
        start = lambda number: server.start("CSV", {"resourceId": f"resource-{number + 1}"})
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(start, range(jobs)))
    queued = "SELECT count(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING')"
    begun = engine.run("SELECT clock_timestamp()")
    assert int(engine.run(queued)) == jobs
    environment = {**engine.environment, "DAYBOOK_JOB_CONCURRENCY": str(concurrency)}
    worker = subprocess.Popen([binary, "worker"], env=environment)
    while int(engine.run(queued)) > 0:
        time.sleep(0.2)
    worker.terminate()
    worker.wait()
    done, seconds = engine.run(
        "SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at)) FROM jobs"
        f" WHERE state = 'SUCCEEDED' AND started_at >= '{begun}'"
    ).split("|")
    rate = int(done) / float(seconds)
    text = f"{rate:,.0f} jobs/s, {done} in {float(seconds):.1f} s, {concurrency} at once"
    report.say("drain", text, rate >= DRAIN and int(done) == jobs)


def cancel(report: Report, server: Server, rows: int) -> None:
    waits = []
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        job = server.start("CSV")
        while int(server.job(job)["progress"]["done"]) < share * rows:
            time.sleep(0.005)
        begun = time.monotonic()
        server.graphql("mutation($id: ID!) { cancelJob(input: {jobId: $id}) { userErrors { message } } }", id=job)
        while (state := server.job(job)["state"]) == "RUNNING":
            time.sleep(0.005)
        waits.append(time.monotonic() - begun)
        assert state == "CANCELED", state
        left = [file for file in (server.folder / "artifacts").rglob("*") if file.is_file()]
        report.say("cancel", f"{waits[-1]:.3f} s at {share:.0%} of {rows:,} rows, {len(left)} files left", waits[-1] < CANCEL and not left)


def idle(report: Report, server: Server) -> None:
    time.sleep(3)
    before, seconds = server.processor_seconds(), 30
    time.sleep(seconds)
    percent = (server.processor_seconds() - before) / seconds * 100
    report.say("idle", f"{percent:.2f} % of a core over {seconds} s", percent < IDLE)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("daybook")
    options.add_argument("--jobs", type=int, default=10_000)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--concurrency", type=int, default=192)
    options = options.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
        engine = Postgres(Path(folder), options.daybook)
        # Each job finds one entry: one that finds none waits for its end, as small ones do.
        engine.fill(options.jobs)
        with Server(options.daybook, engine, Path(folder)) as server:
            dispatch(report, server)
            idle(report, server)
        drain(report, engine, options.daybook, Path(folder), options.jobs, options.concurrency)
        for file in (Path(folder) / "artifacts").rglob("*"):
            if file.is_file():
                file.unlink()
        engine.fill(options.rows - options.jobs)
        with Server(options.daybook, engine, Path(folder)) as server:
            cancel(report, server, options.rows)
        engine.drop()
    sys.exit(0 if report.is_fine else 1)


if __name__ == "__main__":
    main()
