/** Subscriptions that resume at their last event after a lost connection. */

import type { Client } from "graphql-ws";
import type { SubscriptionForwarder } from "urql";

/**
 * Each subscription of the API accepts a cursor as `after` and returns one with each result. graphql-ws
 * serializes the variables again for each connection, so a getter is all that resuming needs.
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
