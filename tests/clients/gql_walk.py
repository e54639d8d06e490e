"""gql_walk.py URL TOKEN ORGANIZATION_ID: Python's gql, with the walk of walk.mjs.

Queries and mutations by HTTP, validated against the introspected schema before they are sent; the
subscription by graphql-transport-ws.
"""

import asyncio
import hashlib
import json
import sys

import aiohttp
from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport

PAGE = 3
ENTRIES = gql("""
  query Entries($organizationId: ID!, $first: Int!, $after: String) {
    auditLogs(organizationId: $organizationId, orderBy: RECORDED_ASC, first: $first, after: $after) {
      edges { node { id action } }
      pageInfo { endCursor }
    }
  }
""")
RECORD = gql("""
  mutation Record($input: RecordAuditLogsInput!) {
    recordAuditLogs(input: $input) { auditLogs { action } userErrors { code message } }
  }
""")
EXPORT = gql("""
  mutation Export($input: StartExportInput!) {
    startExport(input: $input) { job { id } userErrors { code message } }
  }
""")
UPDATES = gql("""
  subscription Updates($organizationId: ID!, $jobId: ID!) {
    jobUpdates(organizationId: $organizationId, jobId: $jobId) { type job { state } }
  }
""")
ARTIFACT = gql("""
  query Artifact($jobId: ID!) { job(id: $jobId) { artifact { downloadUrl sha256 } } }
""")


def payload(answer):
    """The payload of a mutation that had nothing to complain about."""
    (found,) = answer.values()
    assert not found["userErrors"], found
    return found


async def watch(client, variables):
    """The job's states, one after the other, to its end."""
    states = []
    UPDATES.variable_values = variables
    async for answer in client.subscribe(UPDATES):
        update = answer["jobUpdates"]
        if update["type"] == "SYNCED":
            print("watching", flush=True)
        elif update["job"]["state"] not in states[-1:]:
            states.append(update["job"]["state"])
        if states[-1:] and states[-1] in ("SUCCEEDED", "FAILED", "CANCELED"):
            break
    return states


async def download(artifact):
    async with aiohttp.ClientSession() as http, http.get(artifact["downloadUrl"]) as response:
        response.raise_for_status()
        file = await response.read()
    assert hashlib.sha256(file).hexdigest() == artifact["sha256"]
    return file.decode()


async def main(url, token, organization):
    authorization = {"authorization": f"Bearer {token}"}
    transport = AIOHTTPTransport(url=url, headers=authorization)
    socket = AIOHTTPWebsocketsTransport(
        url="ws" + url.removeprefix("http"),
        subprotocols=[AIOHTTPWebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
        init_payload=authorization,
    )
    async with Client(transport=transport, fetch_schema_from_transport=True) as client:

        async def ask(document, **variables):
            document.variable_values = variables
            return await client.execute(document)

        page = {"organizationId": organization, "first": PAGE}
        first = (await ask(ENTRIES, **page))["auditLogs"]
        second = (await ask(ENTRIES, **page, after=first["pageInfo"]["endCursor"]))["auditLogs"]
        actions = [edge["node"]["action"] for edge in first["edges"] + second["edges"]]
        action = "client.gql_walk"
        entry = {
            "actor": {"id": "gql"},
            "action": action,
            "resource": {"type": "client", "id": "gql"},
        }
        recorded = await ask(RECORD, input={"organizationId": organization, "entries": [entry]})
        source = {"auditLogs": {"filter": {"action": action}}}
        export = {"organizationId": organization, "source": source, "format": "JSONL"}
        job = payload(await ask(EXPORT, input=export))["job"]["id"]
        async with Client(transport=socket) as watching:
            states = await watch(watching, {"organizationId": organization, "jobId": job})
        artifact = (await ask(ARTIFACT, jobId=job))["job"]["artifact"]
        seen = {
            "actions": actions,
            "recorded": payload(recorded)["auditLogs"][0]["action"],
            "states": states,
            "file": await download(artifact),
        }
        print(json.dumps(seen))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
