"""Reads an export of notes as others do, and prints what it found as JSON.

read_notes.py FILE.zip

The ZIP is read by zipfile, which checks each file's CRC, and unpacked by Info-ZIP's unzip; front matter
by python-frontmatter; the index and the report by commonmark.
"""

import base64
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import unquote

import commonmark
import frontmatter

INDEX, REPORT = "index.md", "_broken-links.md"


def note(name: str, data: bytes) -> dict:
    """What a note's file says: the metadata as YAML gives it, the body as it stands."""
    text = data.decode("utf-8")
    post = frontmatter.loads(text)
    # The body is what follows the second line of hyphens; the parser strips white space around it.
    body = text.split("\n---\n", 1)[1]
    assert post.content == body.strip(), f"{name}: {post.content!r} is not {body!r}"
    metadata = {
        key: value.isoformat() if key in ("created", "updated") else value for key, value in post.metadata.items()
    }
    return {"name": name, "metadata": metadata, "body": base64.b64encode(body.encode()).decode()}


def links(text: str) -> list[tuple[str, str]]:
    """The text and the file of each link."""
    found = []
    for node, entering in commonmark.Parser().parse(text).walker():
        if node.t == "link" and entering:
            words, child = "", node.first_child
            while child:
                words += child.literal or ""
                child = child.nxt
            found.append((words, unquote(node.destination)))
    return found


def codes(text: str) -> list[str]:
    """What stands in code spans."""
    walker = commonmark.Parser().parse(text).walker()
    return [node.literal for node, entering in walker if node.t == "code" and entering]


def unpacked(file: str) -> list[str]:
    """The files that unzip makes, after it has tested the archive."""
    subprocess.run(["unzip", "-tqq", file], check=True)
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder, "inner")
        subprocess.run(["unzip", "-qq", file, "-d", str(inner)], check=True)
        assert list(Path(folder).iterdir()) == [inner], "something is outside of the folder"
        return sorted(str(path.relative_to(inner)) for path in inner.rglob("*") if path.is_file())


def main() -> None:
    """Prints what is in the file."""
    with zipfile.ZipFile(sys.argv[1]) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[0] == INDEX and names[-1] == REPORT, names
        index, report = (archive.read(name).decode() for name in (INDEX, REPORT))
        notes = [note(name, archive.read(name)) for name in names[1:-1]]
    files = unpacked(sys.argv[1])
    assert files == sorted(names), f"{files} are not {sorted(names)}"
    result = {
        "notes": notes,
        "index": {"text": index, "links": links(index)},
        "report": {"text": report, "links": links(report), "codes": codes(report)},
    }
    print(json.dumps(result))


main()
