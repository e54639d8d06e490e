"""Pages through a whole audit log by GraphQL, in both directions, and compares the two.

walk.py URL TOKEN ORGANIZATION_ID [FILTER]   FILTER: an AuditLogFilter as JSON

Prints the number of entries and pages and the time of the first and the slowest page. Exit code 1
where a direction has a hole or a double, or the two differ. Python 3, standard library only.
"""

import http.client
import json
import sys
import time
from urllib.parse import urlsplit

QUERY = """query($id: ID!, $filter: AuditLogFilter, $first: Int, $after: String, $last: Int, $before: String) {
  auditLogs(organizationId: $id, filter: $filter, orderBy: RECORDED_ASC,
    first: $first, after: $after, last: $last, before: $before) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { sequence id hash }
  }
}"""


class Api:
    """One connection to the API."""

    def __init__(self, url: str, token: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def page(self, variables: dict[str, object]) -> dict:
        body = json.dumps({"query": QUERY, "variables": variables})
        self.connection.request("POST", "/graphql", body, self.headers)
        answer = json.load(self.connection.getresponse())
        if "errors" in answer:
            sys.exit(f"error: {answer['errors']}")
        return answer["data"]["auditLogs"]


def walk(api: Api, variables: dict[str, object], size: str, cursor: str, more: str, end: str) -> list:
    """All pages in one direction."""
    seen, times = [], []
    variables = {**variables, size: 100}
    while True:
        start = time.monotonic()
        page = api.page(variables)
        times.append(time.monotonic() - start)
        seen.append(page["nodes"])
        if not page["pageInfo"][more]:
            break
        variables[cursor] = page["pageInfo"][end]
    first, slowest = times[0] * 1000, max(times) * 1000
    count = sum(len(nodes) for nodes in seen)
    print(f"{size}: {count} entries, {len(seen)} pages, first {first:.1f} ms, slowest {slowest:.1f} ms")
    return seen


def main() -> None:
    """Walks forwards and backwards."""
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    api = Api(sys.argv[1], sys.argv[2])
    variables = {"id": sys.argv[3], "filter": json.loads(sys.argv[4]) if len(sys.argv) == 5 else None}
    forwards = [node for page in walk(api, variables, "first", "after", "hasNextPage", "endCursor") for node in page]
    pages = walk(api, variables, "last", "before", "hasPreviousPage", "startCursor")
    backwards = [node for page in reversed(pages) for node in page]
    sequences = [int(node["sequence"]) for node in forwards]
    if sequences != sorted(set(sequences)):
        sys.exit("the sequence does not grow")
    if len(sys.argv) == 4 and sequences != list(range(1, len(sequences) + 1)):
        sys.exit("the sequence has a hole")
    if backwards[: len(forwards)] != forwards:
        sys.exit("the two directions differ")
    print("both directions are equal")


if __name__ == "__main__":
    main()
