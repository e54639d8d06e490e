#!/usr/bin/env python3
"""Turn the history of a Git repository into audit log entries, one for each file that a commit changed.

    git_history.py REPOSITORY [--limit N]

Prints JSON lines in the shape of Daybook's AuditLogEntryInput, oldest commit first: real data, with the
names, paths and dates that real people gave. Merges are left out, a rename is a delete and an add, a
change of kind (file to link) is a modification.

    actor     the commit's author: id is the e-mail address, else the name, else "unknown"
    action    file.added, file.modified or file.deleted
    resource  type "file", id the path, name its last part
    timestamp the author date in UTC
    metadata  requestId is the commit's hash, extra.subject the first line of its message

Git allows any bytes in paths and messages. One that is not UTF-8 becomes a backslash, "x" and two hex
digits: caf<E9> is printed as caf\\xe9.

Daybook takes 200 characters in an id, 320 in an e-mail address and 500 in a name. A longer one keeps its
beginning and ends in "~" and 16 hex digits of the whole one's SHA-256, so that what was different stays
different. A subject ends the same way after 2,000. How many were shortened is said on standard error.

Exits 1, with the reason on standard error, where git fails or prints what is not understood.
Needs Python 3.11 and git.
"""

import argparse
import collections
import collections.abc
import datetime
import hashlib
import itertools
import json
import signal
import subprocess
import sys

Entry = dict[str, object]
Tokens = collections.abc.Iterator[str]

MAX_ID = 200
MAX_EMAIL = 320
MAX_NAME = 500
MAX_SUBJECT = 2_000

ACTIONS = {"A": "file.added", "M": "file.modified", "T": "file.modified", "D": "file.deleted"}
HEADER_FIELDS = ("hash", "author date", "author e-mail", "author name", "subject")
GIT_LOG = (
    "log",
    "--reverse",
    "--no-merges",
    "--no-renames",
    "--name-status",
    "-z",
    "--encoding=UTF-8",
    "--format=%H%x00%at%x00%ae%x00%an%x00%s",
)


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no fault
    shortened: collections.Counter[str] = collections.Counter()
    count = 0
    try:
        for entry in itertools.islice(entries(tokens(arguments.repository), shortened), arguments.limit):
            line = json.dumps(entry, ensure_ascii=False) + "\n"
            sys.stdout.buffer.write(line.encode())  # UTF-8, whatever the locale
            count += 1
        sys.stdout.buffer.flush()
    except HistoryError as error:
        print(f"error after {count} entries: {error}", file=sys.stderr)
        return 1
    for what, times in sorted(shortened.items()):
        print(f"warning: {what} too long and shortened in {times} entries", file=sys.stderr)
    print(f"{count} entries", file=sys.stderr)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Git history as Daybook audit log entries (JSON lines).")
    parser.add_argument("repository", help="a work tree or a bare repository")
    parser.add_argument("--limit", type=int, help="stop after so many entries")
    return parser.parse_args()


class HistoryError(Exception):
    """The history could not be read to its end."""


def tokens(repository: str) -> Tokens:
    """What `git log -z` prints, cut at the NULs."""
    # What a user's own configuration may add to the output is switched off.
    command = ["git", "-C", repository, "-c", "log.showSignature=false", *GIT_LOG]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as git:
        assert git.stdout is not None
        rest = b""
        try:
            while chunk := git.stdout.read(1 << 16):
                *complete, rest = (rest + chunk).split(b"\0")
                yield from (token.decode(errors="backslashreplace") for token in complete)
        except GeneratorExit:  # --limit is reached
            git.kill()
            raise
        if git.wait() != 0:
            raise HistoryError(f"git log ended with status {git.returncode}")
        if rest:
            raise HistoryError(f"git log's output ends in the middle: {rest[:80]!r}")


def entries(stream: Tokens, shortened: collections.Counter[str]) -> collections.abc.Iterator[Entry]:
    """Read commits: five header fields, then a status and a path for each changed file.

    Git puts a newline before a commit's first status. A commit that changes no file has none, and the
    next header follows at once; a hash is never mistaken for a status, which is one letter.
    """
    header: dict[str, str] | None = None
    for token in stream:
        status = token.removeprefix("\n")
        if header is not None and status in ACTIONS:
            path = next(stream, None)
            if path is None:
                raise HistoryError(f"no path after status {status} in commit {header['hash']}")
            yield entry(header, status, path, shortened)
        elif len(token) in (40, 64):
            fields = [token, *itertools.islice(stream, len(HEADER_FIELDS) - 1)]
            header = dict(zip(HEADER_FIELDS, fields, strict=True))
        else:
            raise HistoryError(f"neither a commit nor a status: {token[:80]!r}")


def entry(header: dict[str, str], status: str, path: str, shortened: collections.Counter[str]) -> Entry:
    def short(what: str, text: str, limit: int) -> str:
        if len(text) <= limit:
            return text
        shortened[what] += 1
        mark = "~" + hashlib.sha256(text.encode()).hexdigest()[:16]
        return text[: limit - len(mark)] + mark

    email, name = header["author e-mail"], header["author name"]
    return {
        "timestamp": instant(header),
        "actor": {
            "id": short("actor.id", email or name or "unknown", MAX_ID),
            "type": "USER",
            "email": short("actor.email", email, MAX_EMAIL) or None,
            "name": short("actor.name", name, MAX_NAME) or None,
        },
        "action": ACTIONS[status],
        "resource": {
            "type": "file",
            "id": short("resource.id", path, MAX_ID),
            "name": short("resource.name", path.rpartition("/")[2], MAX_NAME),
        },
        "metadata": {
            "requestId": header["hash"],
            "extra": {"subject": short("metadata.extra.subject", header["subject"], MAX_SUBJECT)},
        },
    }


def instant(header: dict[str, str]) -> str:
    """The author date, which git keeps as seconds and which need not make sense."""
    seconds = header["author date"]
    try:
        date = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise HistoryError(f"commit {header['hash']} has the author date {seconds!r}: {error}") from error
    return date.isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
