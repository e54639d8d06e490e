"""Clients that record, export, back up, cancel, read and subscribe on whichever node, and remember what they were told."""

import collections
import json
import random
import select
import socket
import threading
import time
import urllib.error
import urllib.request

RECORD = "mutation($input: RecordAuditLogsInput!) { recordAuditLogs(input: $input) { userErrors { message } } }"
EXPORT = "mutation($input: StartExportInput!) { startExport(input: $input) { job { id } userErrors { code message } } }"
BACKUP = "mutation($input: StartBackupInput!) { startBackup(input: $input) { job { id } userErrors { code message } } }"
CANCEL = "mutation($id: ID!) { cancelJob(input: {jobId: $id}) { job { state } userErrors { code } } }"
PAGE = "query($id: ID!, $after: String) { auditLogs(organizationId: $id, first: 100, after: $after, orderBy: RECORDED_ASC) { nodes { sequence } pageInfo { endCursor hasNextPage } } }"
END = "query($id: ID!) { auditLogs(organizationId: $id, first: 1) { tailCursor totalCount } }"
UPDATES = "subscription($id: ID!, $after: String) { jobUpdates(organizationId: $id, after: $after) { type cursor previousState job { id state } } }"
RECORDED = "subscription($id: ID!, $after: String) { auditLogRecorded(organizationId: $id, after: $after) { cursor node { sequence metadata { requestId } } } }"


class Unanswered(Exception):
    """Whether it happened is not known."""


class Clients:
    def __init__(self, addresses: list[str], tokens: dict[str, str]) -> None:
        self.addresses, self.tokens = addresses, tokens
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        # Request ids of entries whose recording was answered, by organization.
        self.acknowledged: dict[str, set[str]] = collections.defaultdict(set)
        # Jobs by idempotency key.
        self.jobs: dict[str, set[str]] = collections.defaultdict(set)
        self.canceled: set[str] = set()
        self.limited = 0
        self.unanswered = 0
        self.pages = 0
        self.wrong: list[str] = []

    def ask(self, organization: str, query: str, **variables: object) -> dict:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {self.tokens[organization]}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{random.choice(self.addresses)}/graphql", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=8) as response:
                answer = json.load(response)
        except (OSError, ValueError, urllib.error.HTTPError) as error:
            raise Unanswered(str(error)) from error
        if "errors" in answer:
            raise Unanswered(str(answer["errors"]))
        return answer["data"]

    def loop(self, work) -> None:
        while not self.is_over.is_set():
            try:
                work()
            except Unanswered:
                with self.lock:
                    self.unanswered += 1
                time.sleep(0.1)

    def record(self) -> None:
        organization = random.choice(list(self.tokens))
        names = [f"{random.getrandbits(64):016x}" for _ in range(20)]
        entries = [
            {"actor": {"id": "load"}, "action": "load.record", "resource": {"type": "load", "id": "1"}, "metadata": {"requestId": name}}
            for name in names
        ]
        payload = self.ask(organization, RECORD, input={"organizationId": organization, "entries": entries})
        if payload["recordAuditLogs"]["userErrors"]:
            self.wrong.append(str(payload))
        with self.lock:
            self.acknowledged[organization].update(names)
        time.sleep(0.05)

    def start(self, organization: str, mutation: str, field: str, given: dict) -> str | None:
        """Asks until it is answered, with one key; its job, where there is one."""
        key = f"{random.getrandbits(64):016x}"
        while not self.is_over.is_set():
            try:
                payload = self.ask(organization, mutation, input={**given, "idempotencyKey": key})[field]
            except Unanswered:
                with self.lock:
                    self.unanswered += 1
                time.sleep(0.2)
                continue
            if payload["job"] is None:
                limited = payload["userErrors"][0]["code"] == "RATE_LIMITED"
                with self.lock:
                    self.limited += limited
                if not limited:
                    self.wrong.append(str(payload))
                return None
            with self.lock:
                self.jobs[key].add(payload["job"]["id"])
            return payload["job"]["id"]
        return None

    def export(self) -> None:
        # The first is asked for more than it may have.
        organization = random.choice([*self.tokens, next(iter(self.tokens))])
        source = {"orderBy": random.choice(["RECORDED_ASC", "RECORDED_DESC"])}
        given = {"organizationId": organization, "format": random.choice(["CSV", "JSONL"]), "source": {"auditLogs": source}}
        job = self.start(organization, EXPORT, "startExport", given)
        if job and random.random() < 0.1:
            payload = self.ask(organization, CANCEL, id=job)["cancelJob"]
            if payload["job"] and payload["job"]["state"] == "CANCELED":
                self.canceled.add(job)
        time.sleep(0.3)

    def back_up(self) -> None:
        organization = random.choice(list(self.tokens))
        self.start(organization, BACKUP, "startBackup", {"organizationId": organization})
        time.sleep(15)

    def read(self) -> None:
        """Walks a log from its start: each number once, without a gap."""
        organization, after, last = random.choice(list(self.tokens)), None, 0
        while not self.is_over.is_set():
            page = self.ask(organization, PAGE, id=organization, after=after)["auditLogs"]
            for node in page["nodes"]:
                if int(node["sequence"]) != last + 1:
                    self.wrong.append(f"a page went from {last} to {node['sequence']}")
                last = int(node["sequence"])
            self.pages += 1
            after = page["pageInfo"]["endCursor"] or after
            if not page["pageInfo"]["hasNextPage"] or random.random() < 0.02:
                return
            time.sleep(0.05)


class Subscriber:
    """One event stream, which goes on elsewhere where it breaks."""

    # Seconds without a byte; a heartbeat is due every two.
    PATIENCE = 7

    def __init__(self, clients: Clients, organization: str, query: str, after: str | None, begun: int = 0) -> None:
        self.clients, self.organization, self.query, self.cursor = clients, organization, query, after
        self.told: list[tuple] = []
        self.stream: socket.socket | None = None
        self.heard = self.again = 0.0
        self.rest = b""
        self.gaps = 0
        # Entries that were there before.
        self.begun = begun

    def connect(self) -> None:
        self.rest, self.heard = b"", time.monotonic()
        host, port = random.choice(self.clients.addresses).split(":")
        stream = socket.create_connection((host, int(port)), timeout=2)
        body = json.dumps({"query": self.query, "variables": {"id": self.organization, "after": self.cursor}})
        token = self.clients.tokens[self.organization]
        stream.sendall(
            "POST /graphql/stream HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
            f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        stream.setblocking(False)
        self.stream = stream

    def take(self, data: bytes) -> None:
        self.heard = time.monotonic()
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:") and len(line) > 6:
                result = json.loads(line[5:]).get("data")
                if result:
                    self.hear(next(iter(result.values())))

    def hear(self, event: dict) -> None:
        self.cursor = event["cursor"]
        if "node" in event:
            self.told.append((int(event["node"]["sequence"]), event["node"]["metadata"]["requestId"]))
        elif event["type"] == "TRANSITION":
            self.told.append((event["job"]["id"], event["previousState"], event["job"]["state"]))
        elif event["type"] == "GAP":
            self.gaps += 1


class Audience(threading.Thread):
    """Subscribers in one thread."""

    def __init__(self, subscribers: list[Subscriber]) -> None:
        super().__init__(daemon=True)
        self.subscribers, self.is_over = subscribers, threading.Event()
        self.poll = select.epoll()
        self.by_number: dict[int, Subscriber] = {}
        self.reconnections = 0

    def run(self) -> None:
        while not self.is_over.is_set():
            now = time.monotonic()
            for subscriber in self.subscribers:
                if subscriber.stream is None and subscriber.again <= now:
                    self.connect(subscriber)
                elif subscriber.stream is not None and now - subscriber.heard > Subscriber.PATIENCE:
                    self.leave(subscriber)
            for number, _ in self.poll.poll(0.2):
                subscriber = self.by_number.get(number)
                if subscriber is None or subscriber.stream is None:
                    continue
                try:
                    data = subscriber.stream.recv(262144)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if data:
                    subscriber.take(data)
                else:
                    self.leave(subscriber)

    def connect(self, subscriber: Subscriber) -> None:
        try:
            subscriber.connect()
        except OSError:
            subscriber.again = time.monotonic() + 0.5
            return
        self.reconnections += 1
        self.by_number[subscriber.stream.fileno()] = subscriber
        self.poll.register(subscriber.stream.fileno(), select.EPOLLIN)

    def leave(self, subscriber: Subscriber) -> None:
        number = subscriber.stream.fileno()
        self.poll.unregister(number)
        del self.by_number[number]
        subscriber.stream.close()
        subscriber.stream, subscriber.again = None, time.monotonic() + random.random()
