"""Made-up queries and mutations against a running server: `make fuzz-operations`.

run.py DAYBOOK [--cases N] [--seed N]

Schemathesis makes N operations from the introspected schema, valid and invalid, over every root field, most with
IDs of things that are there. No answer may be a 5xx, hold an error without a code of ours or take longer than 30 s,
and the server must answer afterwards. It runs in target/schemathesis, where `make fuzz-operations` installs it.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "bench"))
from daybook import Server, Sqlite  # noqa: E402

# Longest answer, in seconds.
PATIENCE = 30


def things(server: Server) -> dict[str, list[str]]:
    """IDs by the name of the argument that takes them."""
    server.record(20)
    organization = server.engine.organization
    export = server.start("CSV")
    make = "mutation($id: ID!) { createWorkspace(input: { organizationId: $id, name: \"notes\" }) { workspace { id } } }"
    workspace = server.graphql(make, id=organization)["createWorkspace"]["workspace"]["id"]
    make = (
        "mutation($id: ID!) { createNote(input: { workspaceId: $id, path: \"a\", title: \"A\", body: \"a\" }) { note { id } } }"
    )
    note = server.graphql(make, id=workspace)["createNote"]["note"]["id"]
    make = "mutation($id: ID!) { createApiKey(input: { organizationId: $id, name: \"key\", role: WRITER }) { apiKey { id } } }"
    key = server.graphql(make, id=organization)["createApiKey"]["apiKey"]["id"]
    ask = "query($id: ID!) { auditLogs(organizationId: $id, first: 1) { nodes { id } } }"
    entry = server.graphql(ask, id=organization)["auditLogs"]["nodes"][0]["id"]
    every = [organization, export, workspace, note, key, entry]
    return {
        "id": every,
        "ids": every,
        "organizationId": [organization],
        "jobId": [export],
        "workspaceId": [workspace],
        "noteId": [note],
        "apiKeyId": [key],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = Sqlite(folder, given.binary)
        with Server(given.binary, engine, folder) as server:
            ids = things(server)
            ask = "{ __schema { queryType { fields { name } } mutationType { fields { name } } } }"
            roots = server.graphql(ask)["__schema"]
            operations = sum(len(root["fields"]) for root in roots.values())
            examples = math.ceil(given.cases / operations)
            report = folder / "report.json"
            command = [
                Path(sys.executable).with_name("st"),
                "run",
                f"http://{server.address}/graphql",
                "--header",
                f"Authorization: Bearer {engine.token}",
                "--max-examples",
                str(examples),
                "--checks",
                "not_a_server_error",
                "--request-timeout",
                str(PATIENCE),
                "--no-shrink",
                "--continue-on-failure",
                "--warnings",
                "off",
                "--report-json-path",
                str(report),
                *(["--seed", str(given.seed)] if given.seed is not None else []),
            ]
            environment = {
                **os.environ,
                "SCHEMATHESIS_HOOKS": "hooks",
                "PYTHONPATH": str(HERE),
                "DAYBOOK_FUZZ_IDS": json.dumps(ids),
            }
            status = subprocess.run(command, env=environment, cwd=folder).returncode
            server.graphql("{ viewer { subject } }")
            made = json.loads(report.read_text())["test_cases"]["generated"]
    if made < given.cases:
        print(f"only {made} operations of {given.cases} were made", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
