"""What the clients were told against what the database and the store hold, without a word of Daybook's own checks."""

import base64
import collections
import csv
import hashlib
import io
import json
import sys
import urllib.request
import uuid

from cluster import Cluster
from load import RECORDED, Clients, Subscriber

csv.field_size_limit(10**9)
ARTIFACT = "query($id: ID!) { job(id: $id) { artifact { downloadUrl sha256 sizeBytes recordCount fileName } } }"


def uuids(identifier: str) -> list[str]:
    """Those within a public ID, whose first byte is its type."""
    data = base64.urlsafe_b64decode(identifier + "=" * (-len(identifier) % 4))
    return [str(uuid.UUID(bytes=data[1:17])), str(uuid.UUID(bytes=data[-16:]))]


class Checker:
    def __init__(self, cluster: Cluster, clients: Clients) -> None:
        self.cluster, self.clients = cluster, clients
        self.table: dict[str, int] = {}

    def rows(self, sql: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.cluster.psql(f"COPY ({sql}) TO STDOUT (FORMAT csv)"))))

    def count(self, what: str, number: int, detail: object = None) -> None:
        self.table[what] = self.table.get(what, 0) + number
        if number and detail is not None:
            print(f"{what}: {detail}", file=sys.stderr)

    def log(self) -> None:
        found: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        self.sequences: dict[str, dict[int, str]] = collections.defaultdict(dict)
        self.names: dict[str, list[tuple]] = collections.defaultdict(list)
        rows = self.rows("SELECT organization_id, sequence, request_id, encode(hash, 'hex') FROM audit_logs ORDER BY organization_id, sequence")
        for organization, sequence, name, digest in rows:
            self.sequences[organization][int(sequence)] = digest
            self.names[organization].append((int(sequence), name or None))
            if name:
                found[organization][name] += 1
        for identifier, names in self.clients.acknowledged.items():
            organization = uuids(identifier)[0]
            self.count("acknowledged entries", len(names))
            self.count("acknowledged entries lost", sum(found[organization][name] == 0 for name in names))
            self.count("entries twice", sum(found[organization][name] > 1 for name in names))
        for organization, sequences in self.sequences.items():
            self.count("holes in a log", int(list(sequences) != list(range(1, len(sequences) + 1))), organization)

    def streams(self, subscribers: list[Subscriber]) -> None:
        events = self.rows("SELECT organization_id, job_id, from_state, to_state FROM job_events ORDER BY feed")
        transitions: dict[str, list[tuple]] = collections.defaultdict(list)
        for organization, job, before, after in events:
            transitions[organization].append((job, before or None, after))
        for subscriber in subscribers:
            organization = uuids(subscriber.organization)[0]
            if subscriber.query is RECORDED:
                told, expected, what = subscriber.told, self.names[organization][subscriber.begun :], "entries"
            else:
                told = [(uuids(job)[1], before, after) for job, before, after in subscriber.told]
                expected, what = transitions[organization], "transitions"
            self.count(f"deliveries of {what}", len(told))
            self.count("gaps told", subscriber.gaps)
            if told == expected:
                continue
            missing = collections.Counter(expected) - collections.Counter(told)
            more = collections.Counter(told) - collections.Counter(expected)
            self.count(f"{what} lost", missing.total(), list(missing)[:3])
            self.count(f"{what} twice", more.total(), list(more)[:3])
            self.count(f"{what} out of order", int(not missing and not more))

    def jobs(self) -> None:
        states = dict(self.rows("SELECT state, count(*) FROM jobs GROUP BY state"))
        print("jobs by state:", states, file=sys.stderr)
        self.count("jobs", sum(map(int, states.values())))
        self.count("jobs stuck", sum(int(number) for state, number in states.items() if state in ("QUEUED", "RUNNING")))
        failed = self.rows("SELECT kind, error_code, error_message, count(*) FROM jobs WHERE state = 'FAILED' GROUP BY 1, 2, 3")
        print("failed:", failed, file=sys.stderr)
        self.count("keys with two jobs", sum(len(jobs) > 1 for jobs in self.clients.jobs.values()))
        self.count("jobs lost", len({job for jobs in self.clients.jobs.values() for job in jobs} - self.known_jobs()))
        self.count("refused for the quota", self.clients.limited)
        # Our own failures cost nothing.
        started = self.rows("SELECT organization_id, count(*) FROM jobs WHERE kind = 'EXPORT' AND state <> 'FAILED' GROUP BY 1")
        for organization, number in started:
            self.count("quota exceeded", max(0, int(number) - self.cluster.exports_per_hour), organization)

    def known_jobs(self) -> set[str]:
        found = set()
        for organization, job in self.rows("SELECT organization_id, id FROM jobs WHERE organization_id IS NOT NULL"):
            data = b"J" + uuid.UUID(organization).bytes + uuid.UUID(job).bytes
            found.add(base64.urlsafe_b64encode(data).decode().rstrip("="))
        return found

    def artifacts(self) -> None:
        rows = self.rows("SELECT organization_id, id, kind FROM jobs WHERE state = 'SUCCEEDED'")
        for organization, job, kind in rows:
            data = b"J" + uuid.UUID(organization).bytes + uuid.UUID(job).bytes
            identifier = base64.urlsafe_b64encode(data).decode().rstrip("=")
            owner = next(key for key in self.clients.tokens if uuids(key)[0] == organization)
            artifact = self.clients.ask(owner, ARTIFACT, id=identifier)["job"]["artifact"]
            with urllib.request.urlopen(artifact["downloadUrl"], timeout=30) as response:
                content = response.read()
            is_whole = hashlib.sha256(content).hexdigest() == artifact["sha256"] and len(content) == int(artifact["sizeBytes"])
            self.count("artifacts", 1)
            wrong = not is_whole or (kind == "EXPORT" and not self.is_export(organization, artifact, content))
            self.count("artifacts wrong", int(wrong), artifact["fileName"])

    def is_export(self, organization: str, artifact: dict, content: bytes) -> bool:
        """Whether each row is the database's, without a gap."""
        if artifact["fileName"].endswith(".csv"):
            rows = [(int(row["sequence"]), row["hash"]) for row in csv.DictReader(io.StringIO(content.decode()))]
        else:
            rows = [(int(row["sequence"]), row["hash"]) for row in map(json.loads, content.splitlines())]
        numbers = sorted(number for number, _ in rows)
        is_gapless = numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
        known = self.sequences[organization]
        return is_gapless and len(rows) == int(artifact["recordCount"]) and all(known.get(number) == digest for number, digest in rows)
