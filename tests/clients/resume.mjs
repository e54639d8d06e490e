#!/usr/bin/env node
// resume.mjs URL TOKEN ORGANIZATION_ID --after=CURSOR [--kind KIND] [--longest MS]: one subscription to job
// updates that outlives its connections. Prints each update that it processes as a JSON line.
//
// It cuts its connection at random moments, within MS (250) of its opening: without a closing handshake,
// maybe in the middle of what is just arriving, which is then not processed. graphql-ws connects again, and
// the subscription goes on after the cursor of the last update that was processed. Each cut is printed as
// {"cut": "time" or "count"}, each connection that ended otherwise as {"closed": code}.
//
// Once standard input ends there are no more cuts: it connects once more, goes on to SYNCED and exits 0.
// Exits 1 with the reason on standard error where the server refuses or completes the subscription.
// ORGANIZATION_ID may be "-" for every organization's jobs.
import { parseArgs } from "node:util";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

/** Most updates of a connection that is cut by their count. */
const MOST_UPDATES = 25;

const QUERY = `
  subscription Resume($organizationId: ID, $kinds: [JobKind!], $after: String) {
    jobUpdates(organizationId: $organizationId, kinds: $kinds, after: $after) {
      type
      cursor
      previousState
      job { id state attempt }
    }
  }
`;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    after: { type: "string" },
    kind: { type: "string", multiple: true },
    longest: { type: "string", default: "250" },
  },
});
const [url, token, organizationId] = positionals;

let cursor = values.after;
let isEnding = false;
/** The open connection: its socket, when it is cut, and whether it is the last. */
let connection;

const print = (line) => console.log(JSON.stringify(line));

function opened(socket) {
  const isLast = isEnding;
  const by = Math.random() < 0.5 ? 1 + Math.floor(Math.random() * MOST_UPDATES) : Infinity;
  connection = { socket, isLast, isCut: false, updates: 0, mostUpdates: isLast ? Infinity : by };
  if (!isLast) connection.timer = setTimeout(cut, Math.random() * Number(values.longest), "time");
}

function cut(reason) {
  if (!connection || connection.isCut) return;
  connection.isCut = true;
  clearTimeout(connection.timer);
  print({ cut: reason });
  connection.socket.terminate();
}

function closed({ code }) {
  if (!connection) return;
  clearTimeout(connection.timer);
  if (!connection.isCut) print({ closed: code });
  connection = undefined;
}

function take(update) {
  print(update);
  cursor = update.cursor;
  connection.updates += 1;
  if (connection.isLast && update.type === "SYNCED") {
    end();
  } else if (connection.updates >= connection.mostUpdates) {
    cut("count");
  }
}

const client = createClient({
  url: url.replace(/^http/, "ws"),
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: Infinity,
  // Also where nobody listens: the server is being restarted.
  shouldRetry: () => true,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, Math.random() * 50)),
  on: { opened, closed },
});

let end;
const ended = new Promise((resolve, reject) => {
  // The payload is written anew for each connection: the cursor is the one of that moment.
  const variables = {
    organizationId: organizationId === "-" ? null : organizationId,
    kinds: values.kind ?? null,
    get after() {
      return cursor;
    },
  };
  const unsubscribe = client.subscribe(
    { query: QUERY, variables },
    {
      next({ data, errors }) {
        // What arrived before the cut and was not processed is to come again.
        if (connection?.isCut) return;
        if (errors) reject(errors);
        else take(data.jobUpdates);
      },
      error: reject,
      complete: () => reject(new Error("the server completed the subscription")),
    },
  );
  end = () => {
    resolve();
    unsubscribe();
  };
});

process.stdin.resume().on("end", () => {
  isEnding = true;
  cut("time");
});

try {
  await ended;
} catch (error) {
  console.error(error instanceof Error ? error.message : JSON.stringify(error.reason ?? error));
  process.exitCode = 1;
  process.stdin.destroy();
} finally {
  connection?.socket.terminate();
  await client.dispose();
}
