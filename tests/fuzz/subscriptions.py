"""Made-up subscriptions on a running server, of which schemathesis makes none: `make fuzz-subscriptions`.

subscriptions.py DAYBOOK [--cases N] [--seed N]

N operations from the introspected schema, valid and invalid, every other one over a WebSocket that they share and
over server-sent events. Most arguments are near ones that lead somewhere: IDs and cursors of things that are there,
whole, cut, changed or of another kind. Each must be answered by events, by an error with a code that is no fault of
ours, or by nothing yet; a WebSocket stays open and answers a ping afterwards, and only what is no message of its
protocol closes one, with a code of that protocol. Python 3, standard library only.
"""

import argparse
import http.client
import json
import random
import socket
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "bench"))
from daybook import Server, Sqlite  # noqa: E402

# Longest answer, in seconds.
PATIENCE = 30
# How long a subscription is waited for that may have nothing to say.
QUIET = 0.3
# What graphql-transport-ws closes a connection with; 4500 is a fault of the server's.
CLOSES = {1000, 4400, 4401, 4403, 4406, 4408, 4409, 4429}
FAULTS = {"INTERNAL_SERVER_ERROR", "TIMEOUT", "UNAVAILABLE", None}
TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }"
VALUE = f"name type {{ {TYPE} }}"
SCHEMA = (
    f"{{ __schema {{ types {{ kind name enumValues {{ name }} inputFields {{ {VALUE} }}"
    f" fields {{ name args {{ {VALUE} }} type {{ {TYPE} }} }} possibleTypes {{ name }} }} }} }}"
)


class Maker:
    """Makes operations up."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.chance = chance
        self.types = {it["name"]: it for it in server.graphql(SCHEMA)["__schema"]["types"]}
        server.record(5)
        job = server.start("CSV")
        organization = server.engine.organization
        ask = "query($id: ID!) { auditLogs(organizationId: $id, first: 3) { tailCursor edges { cursor node { id } } } }"
        log = server.graphql(ask, id=organization)["auditLogs"]
        self.ids = [organization, job, *(it["node"]["id"] for it in log["edges"])]
        self.events = self.job_cursors(server, job)
        self.entries = [it["cursor"] for it in log["edges"]]
        # With any filter.
        self.tail = [log["tailCursor"]]

    @staticmethod
    def job_cursors(server: Server, job: str) -> list[str]:
        """Cursors of the feed of an organization's jobs, up to the end of one of them."""
        watch = "subscription($id: ID!, $job: ID!) { jobUpdates(organizationId: $id, jobId: $job) { cursor } }"
        stream = Socket(server)
        stream.send(subscribing("1", {"query": watch, "variables": {"id": server.engine.organization, "job": job}}))
        cursors = []
        while (message := stream.next())["type"] == "next":
            cursors.append(message["payload"]["data"]["jobUpdates"]["cursor"])
        return cursors

    def operation(self) -> dict:
        """A document and variables."""
        chance = self.chance
        field = chance.choice(self.types["Subscription"]["fields"])
        variables: dict = {}
        declared: list[str] = []
        arguments = self.arguments(field, variables, declared)
        below = self.selection(field["type"], 4)
        word = "subscription" if chance.random() < 0.98 else chance.choice(["query", "mutation", ""])
        head = f"{word} Made({', '.join(declared)})" if declared else word
        document = f"{head} {{ {field['name']}{arguments}{below} }}"
        if chance.random() < 0.1:
            document = self.changed(document)
        return {"query": document, "variables": variables}

    def arguments(self, field: dict, variables: dict, declared: list[str]) -> str:
        given = []
        for argument in field["args"]:
            is_likely = argument["name"] in ("organizationId", "after")
            if self.chance.random() > (0.97 if is_likely else 0.3):
                continue
            value = self.value(argument["type"], argument["name"])
            if argument["name"] == "after" and self.chance.random() < 0.8:
                has_filter = any(it.startswith("filter") for it in given)
                of_log = self.tail if has_filter else [*self.tail, *self.entries]
                value = self.chance.choice(self.events if field["name"] == "jobUpdates" else of_log)
            if self.chance.random() < 0.5:
                given.append(f"{argument['name']}: {literal(value)}")
            else:
                name = argument["name"]
                declared.append(f"${name}: {spelled(argument['type'])}")
                variables[name] = value
                given.append(f"{name}: ${name}")
        return f"({', '.join(given)})" if given else ""

    def value(self, ty: dict, name: str) -> object:
        chance = self.chance
        if chance.random() < 0.03:
            return chance.choice([None, 1, -1, 2**40, 1.5, "", "\0", True, [], {}, [[None]]])
        if ty["kind"] == "NON_NULL":
            return self.value(ty["ofType"], name)
        if ty["kind"] == "LIST":
            return [self.value(ty["ofType"], name) for _ in range(chance.randrange(3))]
        if ty["kind"] == "INPUT_OBJECT":
            inputs = self.types[ty["name"]]["inputFields"]
            some = chance.sample(inputs, chance.randrange(min(4, len(inputs)) + 1))
            return {it["name"]: self.value(it["type"], it["name"]) for it in some}
        if ty["kind"] == "ENUM":
            return Enum(chance.choice(self.types[ty["name"]]["enumValues"])["name"])
        match ty["name"], name:
            case "ID", "organizationId":
                return self.near(self.ids[:1])
            case "ID", "jobId":
                return self.near(self.ids[1:2])
            case "ID", _:
                return self.near(self.ids)
            case "String", "after":
                return self.near([*self.events, *self.entries, *self.tail])
            case "DateTime", _:
                return self.near(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456+14:00"])
            case "Int", _:
                return chance.choice([0, 1, 100, -1, 2**31 - 1])
            case "Boolean", _:
                return chance.random() < 0.5
            case _:
                return self.near(["bench", "bench.*", "bench record", "é", "日本", "%_\\"])

    def near(self, right: list[str]) -> str:
        one = self.chance.choice(right if self.chance.random() < 0.97 else [*self.ids, *self.entries, *self.events])
        return self.changed(one) if self.chance.random() < 0.1 else one

    def changed(self, text: str) -> str:
        for _ in range(self.chance.randint(1, 3)):
            at = self.chance.randrange(len(text) + 1)
            other = self.chance.choice('aZ0-_={}()[]!$:@"\\\n\0é')
            text = self.chance.choice([text[:at], text[:at] + other + text[at:], text[:at] + text[at + 1 :]])
        return text

    def selection(self, ty: dict, depth: int) -> str:
        while ty.get("ofType"):
            ty = ty["ofType"]
        found = self.types[ty["name"]]
        if found["possibleTypes"]:
            parts = (f"... on {it['name']} {self.selection({'name': it['name']}, depth - 1)}" for it in found["possibleTypes"])
            return f" {{ __typename {' '.join(parts)} }}" if depth > 1 else " { __typename }"
        if not found["fields"]:
            return ""
        fields = found["fields"] if depth > 1 else []
        some = self.chance.sample(fields, min(len(fields), self.chance.randint(1, 4)))
        # Names of different types meet in fragments.
        parts = (
            f"{found['name']}_{it['name']}: {it['name']}{self.selection(it['type'], depth - 1)}"
            for it in some
        )
        return f" {{ __typename {' '.join(parts)} }}"


class Enum(str):
    """A name that a literal has without quotes."""


def literal(value: object) -> str:
    match value:
        case Enum():
            return str(value)
        case dict():
            return "{" + ", ".join(f"{name}: {literal(it)}" for name, it in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case _:
            return json.dumps(value)


def spelled(ty: dict) -> str:
    match ty["kind"]:
        case "NON_NULL":
            return spelled(ty["ofType"]) + "!"
        case "LIST":
            return f"[{spelled(ty['ofType'])}]"
        case _:
            return ty["name"]


class Closed(Exception):
    """The server closed a WebSocket."""


class Socket:
    """A WebSocket client (RFC 6455) that has said who it is."""

    def __init__(self, server: Server) -> None:
        host, port = server.address.split(":")
        self.stream = socket.create_connection((host, int(port)), timeout=PATIENCE)
        self.stream.sendall(
            f"GET /graphql HTTP/1.1\r\nHost: {server.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.stream.recv(1) or sys.exit("no WebSocket")
        self.send({"type": "connection_init", "payload": {"authorization": f"Bearer {server.engine.token}"}})
        assert self.next()["type"] == "connection_ack"

    def send(self, message: object) -> None:
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        """A text frame with a mask of zeros."""
        data = text.encode(errors="replace")
        short = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.stream.sendall(b"\x81" + short + bytes(4) + data)

    def next(self, patience: float = PATIENCE) -> dict:
        """The next message. What takes longer is `TimeoutError`."""
        self.stream.settimeout(patience)
        head = self.exactly(2)
        self.stream.settimeout(PATIENCE)
        length = head[1]
        if length == 126:
            length = struct.unpack(">H", self.exactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.exactly(8))[0]
        data = self.exactly(length)
        if head[0] == 0x88:
            raise Closed(struct.unpack(">H", data[:2])[0] if data else 1005)
        return json.loads(data) if head[0] == 0x81 else self.next(patience)

    def exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.stream.recv(length - len(data))
            if not more:
                raise Closed(1006)
            data += more
        return data

    def try_operation(self, number: int, operation: dict) -> str:
        """Subscribes, ends it and pings: what came first, and whether nothing came too late."""
        self.send(subscribing(str(number), operation))
        try:
            first = self.next(QUIET)
        except TimeoutError:
            first = {"type": "nothing yet"}
        self.send({"id": str(number), "type": "complete"})
        self.send({"type": "ping", "payload": {"number": number}})
        while (message := self.next()).get("type") != "pong":
            check(message)
        check(first)
        return kind(first)

    def try_nonsense(self, text: str) -> str:
        """Says something that may be no message: the server answers, or closes with a code that says why."""
        self.send_text(text)
        self.send({"type": "ping"})
        try:
            while (message := self.next()).get("type") != "pong":
                check(message)
        except Closed as closed:
            if closed.args[0] not in CLOSES:
                raise
            return str(closed)
        return "pong"


def subscribing(number: str, operation: dict) -> dict:
    return {"id": number, "type": "subscribe", "payload": operation}


def check(answer: dict) -> None:
    """No error may be a fault of the server's."""
    payload = answer.get("payload") or {}
    errors = payload if isinstance(payload, list) else payload.get("errors", [])
    for error in errors:
        if error.get("extensions", {}).get("code") in FAULTS:
            raise RuntimeError(answer)


def kind(message: dict) -> str:
    """What a message is, in words."""
    is_refused = message["type"] == "next" and "errors" in message["payload"]
    return "refused" if is_refused else message["type"]


def try_events(server: Server, operation: dict) -> str:
    """The first event of a stream of server-sent events."""
    connection = http.client.HTTPConnection(server.address, timeout=PATIENCE)
    headers = {
        "Authorization": f"Bearer {server.engine.token}",
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
    }
    connection.request("POST", "/graphql/stream", json.dumps(operation), headers)
    response = connection.getresponse()
    if response.status >= 500:
        raise RuntimeError(response.status, response.read())
    if response.status >= 400:
        connection.close()
        return str(response.status)
    connection.sock and connection.sock.settimeout(QUIET)
    event = "nothing yet"
    try:
        while line := response.fp.readline():
            text = line.decode().strip()
            if text.startswith("event:"):
                event = text.removeprefix("event:").strip()
            if text.startswith("data:") and event == "next":
                message = {"type": "next", "payload": json.loads(text.removeprefix("data:"))}
                check(message)
                event = kind(message)
                break
            if event == "complete":
                break
    except TimeoutError:
        pass
    connection.close()
    return event


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    given = parser.parse_args()
    print(f"seed {given.seed}")
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = Sqlite(folder, given.binary)
        with Server(given.binary, engine, folder) as server:
            chance = random.Random(given.seed)
            maker = Maker(server, chance)
            shared = Socket(server)
            for number in range(given.cases):
                operation = maker.operation()
                try:
                    if number % 2:
                        counts[f"SSE {try_events(server, operation)}"] += 1
                    else:
                        counts[f"WebSocket {shared.try_operation(number, operation)}"] += 1
                    if number % 10 == 0:
                        text = json.dumps(subscribing("1", operation))
                        counts[f"nonsense {Socket(server).try_nonsense(maker.changed(text))}"] += 1
                except Exception as error:
                    print(f"case {number}: {operation}\n{error!r}", file=sys.stderr)
                    return 1
            server.graphql("{ viewer { subject } }")
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}")
    if min(counts["WebSocket next"], counts["SSE next"]) < given.cases / 10:
        print("too few led to events", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
