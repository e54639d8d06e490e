"""What anybody who can connect may try: `make bench-refusals`.

refusals.py DAYBOOK [--rounds N] [--links N]

DAYBOOK is a release build. Forty query bombs, each a document that would keep a server busy or end it, must be
refused within 50 ms (the median of some rounds, one request after the other), with no more memory after the last
round than after the first. A hundred thousand forged links to a file that is there must all be answered as a link
that never was: bits turned, bytes cut off, put in or changed, tokens of another file's parts. Exit code 1 where one
of it fails. Python 3, standard library only.
"""

import argparse
import base64
import http.client
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daybook import Report, Server, Sqlite  # noqa: E402

# Longest refusal, in milliseconds.
REFUSAL = 50
# What allocators may keep, in KiB.
GROWTH = 16 * 1024


def doubling(levels: int) -> str:
    """Fragments that each spread the next one twice: 2^levels fields."""
    spreads = (f"fragment f{level} on Query {{ ...f{level + 1} ...f{level + 1} }}" for level in range(levels))
    return f"{{ ...f0 }} {' '.join(spreads)} fragment f{levels} on Query {{ __typename }}"


def chain(fragments: int, inline: int) -> str:
    """Fragments that spread one another, each at the bottom of inline ones."""
    start, end = "...{" * inline, "}" * inline
    spreads = (f"fragment f{at} on Query {{ {start} ...f{at + 1} {end} }}" for at in range(fragments))
    return f"{{ ...f0 }} {' '.join(spreads)} fragment f{fragments} on Query {{ __typename }}"


def introspection(levels: int) -> str:
    start, end = "interfaces { possibleTypes { " * levels, " } }" * levels
    return f"{{ __schema {{ types {{ {start} name {end} }} }} }}"


def selection(levels: int) -> str:
    return f"{{ a{'{ a' * levels}{'}' * levels} }}"


def bombs() -> list[str]:
    nested = lambda start, end, levels: f"{{ node(id: {start * levels}{end * levels}) {{ id }} }}"
    return [
        *(doubling(levels) for levels in [*range(20, 40), 64, 200, 400]),
        *(chain(*shape) for shape in [(48, 60), (140, 20), (490, 0)]),
        *(introspection(levels) for levels in [3, 5, 14]),
        *(selection(levels) for levels in [33, 64, 2_000]),
        *(nested("[", "]", levels) for levels in [65, 2_000, 50_000]),
        nested("{a:", "}", 2_000),
        "{ node(id: " + "[" * 2_000 + ") { id } }",
        f"query({'$a: [' * 500}) {{ __typename }}",
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        f"{{ {'a: __typename ' * 6_000} }}",
        f"{{ {' '.join(f'a{at}: __typename' for at in range(4_000))} }}",
        f"{{ __typename {'@skip(if: false) ' * 3_000} }}",
    ]


class Connection:
    """One that is kept."""

    def __init__(self, server: Server) -> None:
        self.connection = http.client.HTTPConnection(server.address, timeout=60)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if body else {}
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, response.read()


def try_bombs(report: Report, server: Server, rounds: int) -> None:
    connection = Connection(server)
    documents = bombs()
    times: dict[int, list[float]] = {at: [] for at in range(len(documents))}
    after_first = 0
    for number in range(rounds + 1):
        for at, document in enumerate(documents):
            body = json.dumps({"query": document}).encode()
            begun = time.monotonic()
            _, answer = connection.ask("POST", "/graphql", body)
            times[at].append((time.monotonic() - begun) * 1000)
            code = json.loads(answer)["errors"][0]["extensions"]["code"]
            if code != "QUERY_TOO_COMPLEX":
                raise RuntimeError(f"{document[:80]}: {answer[:200]}")
        # What is filled once is filled by the first round.
        after_first = after_first or server.memory("VmRSS")
    medians = [statistics.median(found[1:]) for found in times.values()]
    most = max(medians)
    slowest = documents[medians.index(most)]
    report.say(f"{len(documents)} bombs", f"refused in {statistics.median(medians):.1f} ms at the median, {most:.1f} ms at the most ({slowest[:60]})", most < REFUSAL and len(documents) >= 40)
    growth = server.memory("VmRSS") - after_first
    report.say("memory", f"{after_first} KiB after the first round, {growth:+} KiB after {rounds} more", growth < GROWTH)


def forgeries(token: bytes, other: bytes, count: int, chance: random.Random):
    """Tokens that are none, each bit of the true one turned first."""
    for bit in range(len(token) * 8):
        yield bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(token))
    for at in range(1, min(len(token), len(other))):
        yield token[:at] + other[at:]
        yield other[:at] + token[at:]
    for at in range(len(token)):
        yield token[:at]
        yield token[at + 1 :]
    while True:
        forged = bytearray(token)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(forged))
            match chance.randrange(4):
                case 0:
                    forged[at] = chance.randrange(256)
                case 1:
                    forged.insert(at, chance.randrange(256))
                case 2 if len(forged) > 1:
                    del forged[at]
                case _:
                    # The expiry and its neighbours, where it would pay.
                    forged[at] = (forged[at] + 1) % 256
        yield bytes(forged)


def try_links(report: Report, server: Server, count: int) -> None:
    chance = random.Random(6)
    server.record(10)
    tokens, names = [], []
    for _ in range(2):
        job = server.start("CSV")
        while server.job(job)["state"] in ("QUEUED", "RUNNING"):
            time.sleep(0.01)
        query = "query($id: ID!) { job(id: $id) { artifact { downloadUrl } } }"
        link = server.graphql(query, id=job)["job"]["artifact"]["downloadUrl"]
        token, name = link.rsplit("/", 2)[1:]
        tokens.append(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        names.append(name)
    encode = lambda token: base64.urlsafe_b64encode(token).rstrip(b"=").decode()
    connection = Connection(server)
    for token, name in zip(tokens, names):
        status, _ = connection.ask("GET", f"/artifacts/{encode(token)}/{name}")
        assert status == 200, f"the true link is answered with {status}"
    made, answers = 0, Counter()
    for forged in forgeries(tokens[0], tokens[1], count, chance):
        if made == count:
            break
        # What comes to a true one is none.
        if forged in tokens or not forged:
            continue
        made += 1
        status, _ = connection.ask("GET", f"/artifacts/{encode(forged)}/{names[0]}")
        answers[status] += 1
    report.say(f"{made} forged links", f"answers by status: {dict(answers)}", set(answers) == {404} and made == count)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--links", type=int, default=100_000)
    given = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        engine = Sqlite(Path(folder), given.binary)
        # However many requests from one address.
        with Server(given.binary, engine, Path(folder), arguments=["--address-rate", "0"]) as server:
            try_bombs(report, server, given.rounds)
            try_links(report, server, given.links)
    return 0 if report.is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
