/** Subscriptions that go on where they were after a lost connection. */

import type { Client } from "graphql-ws";
import type { SubscriptionForwarder } from "urql";

/**
 * Each subscription of the API takes a cursor as `after` and gives one with each result. graphql-ws
 * writes the variables anew for each connection, so that a getter is all that resuming takes.
 */
export function resumable(socket: Client): SubscriptionForwarder {
  return (request) => ({
    subscribe(sink) {
      let cursor = request.variables?.after;
      const variables = {
        ...request.variables,
        get after() {
          return cursor;
        },
      };
      const payload = { query: request.query ?? "", variables };
      const unsubscribe = socket.subscribe<Record<string, unknown>, Record<string, unknown>>(payload, {
        next(result) {
          cursor = cursorOf(result.data) ?? cursor;
          sink.next(result);
        },
        error: (error) => sink.error(Array.isArray(error) ? { graphQLErrors: error } : error),
        complete: () => sink.complete(),
      });
      return { unsubscribe };
    },
  });
}

function cursorOf(data: Record<string, unknown> | null | undefined): unknown {
  const event = Object.values(data ?? {})[0];
  return (event as { cursor?: unknown } | null | undefined)?.cursor;
}
