"""How many subscribers one process serves, what each costs, and how soon they are told: `make bench-subscribers`.

subscribers.py DAYBOOK [--subscribers N] [--rounds N]

DAYBOOK is a release build; DAYBOOK_TEST_POSTGRES_URL, which tests/with-postgres sets, names the server. So
many WebSockets, each with one subscription of the same log. In each round one entry is recorded, and each
socket must be told of it, once and in order; the times are from just before the recording to when the
socket's bytes were read, by a client that shares the machine. Exit code 1 where a delivery is missing or came twice. Python 3, standard library only.
"""

import argparse
import json
import os
import re
import resource
import select
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import Postgres, Report, Server  # noqa: E402

RECORDED = "subscription($id: ID!) { auditLogRecorded(organizationId: $id) { cursor node { sequence } } }"
# Seconds that all deliveries of a round may take.
PATIENCE = 60


def frame(message: dict) -> bytes:
    """A text frame (RFC 6455, section 5.2), with a mask of zeros."""
    text = json.dumps(message).encode()
    head = b"\x81" + (bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text)))
    return head + bytes(4) + text


def subscribe(address: str, token: str, organization: str) -> socket.socket:
    host, port = address.split(":")
    stream = socket.create_connection((host, int(port)))
    stream.sendall(
        f"GET /graphql HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
    )
    said = b""
    while b"\r\n\r\n" not in said:
        said += stream.recv(4096) or sys.exit(f"refused: {said!r}")
    if b" 101 " not in said:
        sys.exit(f"refused: {said!r}")
    payload = {"query": RECORDED, "variables": {"id": organization}}
    stream.sendall(frame({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
    said = b""
    while b"connection_ack" not in said:
        said += stream.recv(4096) or sys.exit(f"not acknowledged: {said!r}")
    stream.sendall(frame({"id": "1", "type": "subscribe", "payload": payload}))
    stream.setblocking(False)
    return stream


PING, PONG = b'"type":"ping"', frame({"type": "pong"})


class Crowd:
    """Subscribers, and what each was told."""

    def __init__(self, streams: list[socket.socket]) -> None:
        self.streams = {stream.fileno(): stream for stream in streams}
        self.poll = select.epoll()
        for number in self.streams:
            self.poll.register(number, select.EPOLLIN)
        self.told: dict[int, list[int]] = {number: [] for number in self.streams}

    def listen(self, deliveries: int, patience: float) -> list[float]:
        """Listens until so many deliveries have come; when each did."""
        times: list[float] = []
        end = time.monotonic() + patience
        while len(times) < deliveries and (left := end - time.monotonic()) > 0:
            for number, _ in self.poll.poll(left):
                said = self.streams[number].recv(65536)
                now = time.monotonic()
                if not said:
                    sys.exit("a connection was closed")
                if PING in said:
                    self.streams[number].send(PONG)
                for sequence in re.findall(rb'"sequence":"?(\d+)', said):
                    self.told[number].append(int(sequence))
                    times.append(now)
        return times


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("daybook")
    options.add_argument("--subscribers", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=20)
    options = options.parse_args()
    count = options.subscribers
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < count + 200:
        sys.exit(f"{count} sockets need as many open files, and {most} are allowed (ulimit -Hn)")
    report = Report()
    with tempfile.TemporaryDirectory(prefix="daybook-bench-", dir=os.environ.get("DAYBOOK_BENCH_DIR")) as folder:
        engine = Postgres(Path(folder), options.daybook)
        for setting in ("CONNECTIONS", "ORGANIZATION_SUBSCRIPTIONS"):
            engine.environment[f"DAYBOOK_{setting}"] = str(count + 100)
        with Server(options.daybook, engine, Path(folder)) as server:
            before, begun = server.memory("VmRSS"), time.monotonic()
            crowd = Crowd([subscribe(server.address, engine.token, engine.organization) for _ in range(count)])
            seconds = time.monotonic() - begun
            # Until all are at the log's end, they are told of its last entry or not.
            server.record(1)
            crowd.listen(count, PATIENCE)
            memory = (server.memory("VmRSS") - before) / count
            report.say("memory", f"{memory:.1f} KiB a subscriber; {count:,} came in {seconds:.1f} s", True)
            for told in crowd.told.values():
                told.clear()
            waits: list[float] = []
            used = server.processor_seconds()
            for _ in range(options.rounds):
                start = time.monotonic()
                server.record(1)
                times = crowd.listen(count, PATIENCE)
                waits += [(moment - start) * 1000 for moment in times]
            used = (server.processor_seconds() - used) / max(1, len(waits)) * 1e6
            crowd.listen(1, 1)
            waits.sort()
            whole = {tuple(told) for told in crowd.told.values()}
            sound = len(whole) == 1 and all(len(told) == options.rounds and list(told) == sorted(set(told)) for told in whole)
            report.say("deliveries", f"{len(waits):,} of {count * options.rounds:,}, in order, each once: {sound}", sound)
            if waits:
                late = waits[int(len(waits) * 0.99) - 1]
                text = f"{statistics.median(waits):.0f} ms at the median, {late:.0f} ms at 99 %, {waits[-1]:.0f} ms at the most"
                report.say("time", f"{text}; {used:.1f} us of processor time a delivery", True)
            again = server.memory("VmRSS")
            report.say("memory at the end", f"{(again - before) / count:.1f} KiB a subscriber", True)
        engine.drop()
    sys.exit(0 if report.is_fine else 1)


if __name__ == "__main__":
    main()
