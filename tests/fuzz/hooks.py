"""What schemathesis is told of Daybook: IDs that lead somewhere, and its scalars.

DAYBOOK_FUZZ_IDS is a JSON object of an argument's name and the IDs to try for it.
"""

import dataclasses
import json
import os

import graphql
import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

IDS = json.loads(os.environ["DAYBOOK_FUZZ_IDS"])
# Of as many, one is left as it was made up.
KEEP = 4

schemathesis.graphql.scalar("BigInt", st.integers(-(2**63), 2**63 - 1).map(str).map(nodes.String))
schemathesis.graphql.scalar(
    "DateTime", st.datetimes(timezones=st.timezones()).map(lambda at: nodes.String(at.isoformat()))
)
schemathesis.graphql.scalar("JSON", st.one_of(st.integers(-9, 9).map(nodes.Int), st.text().map(nodes.String)))


class TrueIds(graphql.Visitor):
    """Puts IDs of things that are there in the place of most that were made up."""

    def enter_argument(self, node, *_):
        return self.replaced(node)

    def enter_object_field(self, node, *_):
        return self.replaced(node)

    def replaced(self, node):
        ids = IDS.get(node.name.value)
        value = node.value
        if ids and isinstance(value, graphql.StringValueNode) and len(value.value) % KEEP:
            chosen = ids[sum(value.value.encode(errors="replace")) % len(ids)]
            return dataclasses.replace(node, value=graphql.StringValueNode(value=chosen))
        if ids and isinstance(value, graphql.ListValueNode):
            true = (graphql.StringValueNode(value=it) for it in ids)
            return dataclasses.replace(node, value=graphql.ListValueNode(values=(*value.values, *true)))
        return None


@schemathesis.hook
def map_body(context, body):
    return graphql.visit(body, TrueIds()) if isinstance(body, graphql.Node) else body
