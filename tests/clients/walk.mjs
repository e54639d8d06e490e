// The walk that each client makes: two pages of the log, a mutation, a job watched to its end, its file.
// Every script takes URL TOKEN ORGANIZATION_ID, prints "watching" once it watches the job, then what it saw as
// one JSON line, and exits 0; or 1, with the reason on standard error.
import { createHash } from "node:crypto";
import { basename } from "node:path";

export const [url, token, organizationId] = process.argv.slice(2);
const name = basename(process.argv[1], ".mjs");
if (!organizationId) {
  console.error(`usage: ${name}.mjs URL TOKEN ORGANIZATION_ID`);
  process.exit(2);
}

export const authorization = `Bearer ${token}`;
export const socketUrl = url.replace(/^http/, "ws");

/** Entries a page. */
export const PAGE = 3;

/** By name; Relay has its own, which are compiled. */
export const documents = {
  Entries: `query Entries($organizationId: ID!, $first: Int!, $after: String) {
    auditLogs(organizationId: $organizationId, orderBy: RECORDED_ASC, first: $first, after: $after) {
      edges { cursor node { id action } }
      pageInfo { hasNextPage endCursor }
    }
  }`,
  Record: `mutation Record($input: RecordAuditLogsInput!) {
    recordAuditLogs(input: $input) { auditLogs { id action } userErrors { code message } }
  }`,
  Export: `mutation Export($input: StartExportInput!) {
    startExport(input: $input) { job { id state } userErrors { code message } }
  }`,
  Updates: `subscription Updates($organizationId: ID!, $jobId: ID!) {
    jobUpdates(organizationId: $organizationId, jobId: $jobId) { type cursor job { id state } }
  }`,
  Artifact: `query Artifact($jobId: ID!) { job(id: $jobId) { id artifact { downloadUrl sha256 } } }`,
};

/** Two pages, the second after the first one's cursor; the actions in them. */
async function pages(ask) {
  const first = await ask("Entries", { organizationId, first: PAGE });
  const after = first.auditLogs.pageInfo.endCursor;
  const second = await ask("Entries", { organizationId, first: PAGE, after });
  return [first, second].flatMap(({ auditLogs }) => auditLogs.edges.map(({ node }) => node.action));
}

function payload({ userErrors, ...rest }) {
  if (userErrors.length > 0) throw new Error(JSON.stringify(userErrors));
  return rest;
}

async function download({ downloadUrl, sha256 }) {
  const response = await fetch(downloadUrl);
  if (!response.ok) throw new Error(`the file is answered with ${response.status}`);
  const file = Buffer.from(await response.arrayBuffer());
  const found = createHash("sha256").update(file).digest("hex");
  if (found !== sha256) throw new Error(`the file's SHA-256 is ${found}, not ${sha256}`);
  return file.toString();
}

/**
 * Walks with a client: `ask(name, variables)` gives the data of a query or mutation, `watch(name, variables,
 * take)` gives each update's data to `take` until that returns true, `read` the two pages where the client
 * does that in a way of its own.
 */
export async function walk({ ask, watch, read = () => pages(ask), close = () => {} }) {
  try {
    const actions = await read();
    const action = `client.${name}`;
    const entry = { actor: { id: name }, action, resource: { type: "client", id: name } };
    const recorded = payload(
      (await ask("Record", { input: { organizationId, entries: [entry] } })).recordAuditLogs,
    );
    const source = { auditLogs: { filter: { action } } };
    const input = { organizationId, source, format: "JSONL" };
    const { job } = payload((await ask("Export", { input })).startExport);
    const states = [];
    await watch("Updates", { organizationId, jobId: job.id }, ({ jobUpdates }) => {
      // Whoever holds the job back may let it go now.
      if (jobUpdates.type === "SYNCED") console.log("watching");
      else if (jobUpdates.job.state !== states.at(-1)) states.push(jobUpdates.job.state);
      return ["SUCCEEDED", "FAILED", "CANCELED"].includes(states.at(-1));
    });
    const { artifact } = (await ask("Artifact", { jobId: job.id })).job;
    const file = await download(artifact);
    console.log(JSON.stringify({ actions, recorded: recorded.auditLogs[0].action, states, file }));
  } catch (error) {
    console.error(error instanceof Error ? error.stack : JSON.stringify(error));
    process.exitCode = 1;
  } finally {
    await close();
  }
}

/** The data of a result without errors. */
export function data(result) {
  const errors = result.error ?? result.errors;
  if (errors) throw errors instanceof Error ? errors : new Error(JSON.stringify(errors));
  return result.data;
}
