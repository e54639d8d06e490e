import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { endSession } from "../session/token";

/** Runs documents with the token, unless the header editor names another credential. */
export function fetcherFor(token: string): Fetcher {
  const authorization = `Bearer ${token}`;
  return createGraphiQLFetcher({
    url: "/graphql",
    subscriptionUrl: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    wsConnectionParams: { authorization },
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      const isOwn = !headers.has("authorization");
      if (isOwn) headers.set("authorization", authorization);
      const response = await fetch(input, { ...init, headers });
      if (isOwn && response.status === 401) endSession("Your token has expired or was revoked.");
      return response;
    },
  });
}
