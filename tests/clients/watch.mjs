#!/usr/bin/env node
// watch.mjs URL TOKEN ORGANIZATION_ID [JOB_ID]: prints job updates as they come, one JSON line each.
//
//   --after CURSOR     goes on from an earlier update's cursor
//   --until-final      exits 0 once a job has come to its end (SUCCEEDED, FAILED or CANCELED)
//   --timeout SECONDS  exits 1 where that, or the subscription's own end, has not come by then
//
// ORGANIZATION_ID may be "-" for every organization's jobs, which operators see. Exits 0 where the server
// completes the subscription (unless a final state was waited for and did not come), 1 with the reason on
// standard error where anything fails, 2 on wrong usage.
import { parseArgs } from "node:util";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const FINAL = new Set(["SUCCEEDED", "FAILED", "CANCELED"]);

const QUERY = `
  subscription Watch($organizationId: ID, $jobId: ID, $after: String) {
    jobUpdates(organizationId: $organizationId, jobId: $jobId, after: $after) {
      type
      cursor
      previousState
      job { id state progress { done total } }
    }
  }
`;

async function watch({ url, token, untilFinal, ...variables }, signal) {
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    // By itself the client would connect again and subscribe anew, without a cursor: what was missed
    // meanwhile would go unnoticed, and this is here to notice.
    retryAttempts: 0,
  });
  signal.addEventListener("abort", () => client.terminate());
  try {
    for await (const { data, errors } of client.iterate({ query: QUERY, variables })) {
      if (errors) throw errors;
      const update = data.jobUpdates;
      console.log(JSON.stringify(update));
      // A job that ended before this began is told by its snapshot, not by a transition.
      if (untilFinal && FINAL.has(update.job?.state)) return;
    }
    if (untilFinal) throw new Error("the subscription completed without a final state");
  } finally {
    await client.dispose();
  }
}

/** What went wrong, in one line: GraphQL errors, a socket's close, a failed connection. */
function reason(error) {
  if (Array.isArray(error)) return error.map(reason).join("; ");
  if (error.extensions?.code) return `${error.extensions.code}: ${error.message}`;
  if (error.reason !== undefined) return `closed with ${error.code} ${error.reason}`;
  return error.message || error.error?.code || String(error);
}

function usage(problem) {
  console.error(`${problem}\nusage: watch.mjs URL TOKEN ORGANIZATION_ID [JOB_ID] [--after CURSOR] [--until-final] [--timeout SECONDS]`);
  process.exit(2);
}

function readArguments() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        after: { type: "string" },
        timeout: { type: "string" },
        "until-final": { type: "boolean", default: false },
      },
    });
    const [url, token, organizationId, jobId] = positionals;
    if (positionals.length < 3 || positionals.length > 4) throw new Error("three or four arguments are needed");
    const seconds = values.timeout === undefined ? Infinity : Number(values.timeout);
    if (!(seconds > 0)) throw new Error("--timeout takes a number of seconds");
    return {
      seconds,
      // The endpoint is one for both: http://… serves as well as ws://….
      url: url.replace(/^http/, "ws"),
      token,
      organizationId: organizationId === "-" ? null : organizationId,
      jobId: jobId ?? null,
      after: values.after ?? null,
      untilFinal: values["until-final"],
    };
  } catch (error) {
    return usage(error.message);
  }
}

const { seconds, ...options } = readArguments();
const abort = new AbortController();
const timer = seconds === Infinity ? undefined : setTimeout(() => abort.abort(), seconds * 1000);
try {
  await watch(options, abort.signal);
} catch (error) {
  console.error(abort.signal.aborted ? `no end within ${seconds} s` : reason(error));
  process.exitCode = 1;
} finally {
  clearTimeout(timer);
}
