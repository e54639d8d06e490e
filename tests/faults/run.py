"""Breaks three nodes and all that they stand on for a while, and checks that nothing was lost: `make faults`.

run.py DAYBOOK [--minutes M] [--subscribers N] [--least PART] [--seed N] [--old DAYBOOK]

Three nodes on one PostgreSQL (each through a proxy), a NATS cluster of three and an S3 store, on loopback.
Clients record, export, back up, cancel, read and subscribe meanwhile; faults come in random order. Then
everything is left alone until all jobs have ended, and what the clients were told is held against the
database and the store. The seed decides the order of the faults alone, since clients and faults race.
Exit code 1 where anything was lost, doubled, wrong or stuck, or where less happened than fifteen minutes should
make happen, in proportion, or less than that PART of it, for a slow machine. With `--old`, the first node runs that
binary of an earlier version all the time, and the others migrate the schema under it, as in a deploy.
Needs `make readers`, libfaketime and psql. Python 3, standard library only.
"""

import argparse
import collections
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from check import Checker
from cluster import Cluster, stop
from load import END, RECORDED, UPDATES, Audience, Clients, Subscriber

# What fifteen minutes, and 500 subscribers, must see at the least.
FEWEST = {"faults": 200, "acknowledged entries": 100_000, "jobs": 2_000, "deliveries": 500_000, "refused for the quota": 15}
# Exports that an organization may have in them: one of eight asks for more.
QUOTA = 300
# What may come, and how often in proportion.
FAULTS = {
    "kill_node": 6,
    "pause_node": 2,
    "turn_clock": 2,
    "cut_connections": 8,
    "restart_postgres": 2,
    "kill_nats": 4,
    "kill_all_nats": 1,
    "kill_store": 2,
    "slow_store": 2,
}


def break_things(cluster: Cluster, until: float, choose: random.Random, done: collections.Counter) -> None:
    while time.monotonic() < until:
        bag = [name for name, times in FAULTS.items() for _ in range(times)]
        choose.shuffle(bag)
        for name in bag:
            if time.monotonic() >= until:
                return
            getattr(cluster, name)()
            done[name] += 1
            time.sleep(choose.random() * 1.5)


def settle(cluster: Cluster, audience: Audience, checker: Checker) -> None:
    """Waits until every job has ended and every subscriber has been told what there is."""
    for address in cluster.addresses:
        cluster.await_node(address)
    end = time.monotonic() + 300
    unfinished = "SELECT count(*) FROM jobs WHERE state IN ('QUEUED', 'RUNNING')"
    while time.monotonic() < end and checker.rows(unfinished) != [["0"]]:
        time.sleep(1)
    before, end = -1, time.monotonic() + 120
    while time.monotonic() < end and (told := sum(len(each.told) for each in audience.subscribers)) != before:
        before = told
        time.sleep(10)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("daybook")
    options.add_argument("--minutes", type=float, default=15)
    options.add_argument("--subscribers", type=int, default=500)
    options.add_argument("--least", type=float, default=1)
    options.add_argument("--old")
    options.add_argument("--seed", type=int, default=random.getrandbits(32))
    options = options.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # So that whatever it started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"seed {options.seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="daybook-faults-") as folder:
        quota = round(QUOTA * options.minutes / 15)
        is_sound = False
        try:
            old = options.old and str(Path(options.old).absolute())
            is_sound = run(Cluster(str(Path(options.daybook).absolute()), old, Path(folder), quota), options)
        finally:
            stop()
            for log in sorted(Path(folder).glob("node-*.log")) if not is_sound else ():
                print(f"{log.name}:", *log.read_text(errors="replace").splitlines()[-20:], sep="\n  ", file=sys.stderr)
    sys.exit(0 if is_sound else 1)


def run(cluster: Cluster, options: argparse.Namespace) -> bool:
    clients = Clients(cluster.addresses, cluster.tokens)
    audience = Audience(watchers(clients, options.subscribers))
    audience.start()
    # Subscribed is who has a cursor: whatever follows it must come.
    end = time.monotonic() + 60
    while any(each.cursor is None for each in audience.subscribers):
        if time.monotonic() > end:
            sys.exit("not every subscriber was answered")
        time.sleep(0.1)
    work = [clients.record] * 4 + [clients.export] * 4 + [clients.back_up, clients.read, clients.read]
    threads = [threading.Thread(target=clients.loop, args=(each,), daemon=True) for each in work]
    for thread in threads:
        thread.start()
    faults: collections.Counter[str] = collections.Counter()
    break_things(cluster, time.monotonic() + 60 * options.minutes, random.Random(options.seed), faults)
    clients.is_over.set()
    for thread in threads:
        thread.join(60)
    checker = Checker(cluster, clients)
    settle(cluster, audience, checker)
    audience.is_over.set()
    audience.join(10)
    checker.log()
    checker.streams(audience.subscribers)
    checker.jobs()
    checker.artifacts()
    part = options.least * options.minutes / 15
    fewest = {what: int(number * part * (options.subscribers / 500 if what == "deliveries" else 1)) for what, number in FEWEST.items()}
    return report(cluster, checker, clients, audience, faults, fewest)


def watchers(clients: Clients, count: int) -> list[Subscriber]:
    """Four of five watch jobs, the others a log, each from its start on."""
    organizations = list(clients.tokens)
    ends = {each: clients.ask(each, END, id=each)["auditLogs"] for each in organizations}
    subscribers = []
    for number in range(count):
        organization = organizations[number % len(organizations)]
        if number // len(organizations) % 5 == 0:
            end = ends[organization]
            subscribers.append(Subscriber(clients, organization, RECORDED, end["tailCursor"], int(end["totalCount"])))
        else:
            subscribers.append(Subscriber(clients, organization, UPDATES, None))
    return subscribers


def report(cluster: Cluster, checker: Checker, clients: Clients, audience: Audience, faults: collections.Counter, fewest: dict[str, int]) -> bool:
    doctor = subprocess.run([cluster.binary, "doctor"], env=cluster.environment, stdout=subprocess.PIPE, text=True)
    checker.count("wrong answers", len(clients.wrong), clients.wrong[:3])
    checker.count("complaints of `daybook doctor`", int(doctor.returncode != 0), doctor.stdout)
    table = checker.table
    table["deliveries"] = table.get("deliveries of entries", 0) + table.get("deliveries of transitions", 0)
    table["faults"] = faults.total()
    print(f"\nfaults: {dict(faults)}")
    if cluster.old:
        schema = "newer schema, on which it would be refused to start" if cluster.is_old_refused else "schema that it knows"
        print(f"the first node ran {cluster.old} on a {schema}, and was started {cluster.nodes[0].starts} times")
    print(f"requests without an answer: {clients.unanswered}; connections of subscribers: {audience.reconnections}; pages: {clients.pages}")
    none = ("lost", "twice", "out of order", "holes", "stuck", "wrong", "exceeded", "keys with two", "gaps", "complaints")
    is_sound = True
    for what, number in sorted(table.items()):
        least = fewest.get(what, 0)
        holds = number == 0 if any(word in what for word in none) else number >= least
        is_sound &= holds
        print(f"{'ok  ' if holds else 'MISS'} {what}: {number:,}" + (f" (at least {least:,})" if least else ""))
    return is_sound


if __name__ == "__main__":
    main()
