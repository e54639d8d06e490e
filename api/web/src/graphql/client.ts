/** The GraphQL client for one token. */
import {
  type Client,
  type CombinedError,
  createClient,
  fetchExchange,
  mapExchange,
  subscriptionExchange,
} from "urql";
import { endSession } from "../session/token";
import { fetchExact } from "./exact-numbers";
import { resumable } from "./resume";
import { createSocket } from "./socket";

/** Creates the client, without a cache: an audit log must not show outdated data. */
export function connect(token: string): Client {
  const socket = createSocket(token);
  const leave = mapExchange({
    onError: (error) => {
      if (isUnauthenticated(error)) endSession("Your token or API key has expired or was revoked.");
    },
  });
  return createClient({
    url: "/graphql",
    requestPolicy: "network-only",
    preferGetMethod: false,
    fetch: fetchExact,
    fetchOptions: { headers: { authorization: `Bearer ${token}` } },
    exchanges: [leave, fetchExchange, subscriptionExchange({ forwardSubscription: resumable(socket) })],
  });
}

export function isUnauthenticated(error: CombinedError): boolean {
  const status = (error.response as Response | undefined)?.status;
  return (
    status === 401 || error.graphQLErrors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED")
  );
}

/** Error message for the user. */
export function explain(error: CombinedError): string {
  if (error.networkError && !error.response)
    return "The server can't be reached. Check your network, then try again.";
  const message = error.graphQLErrors.map((one) => one.message).join("; ");
  return message ? `${message[0]?.toUpperCase()}${message.slice(1)}.` : "The server responded with an error.";
}
