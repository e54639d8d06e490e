import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { type DocumentNode, Kind, type OperationDefinitionNode, parse } from "graphql";
import { endSession } from "../session/token";

/** Runs documents with the token, unless the header editor names another credential. */
export function fetcherFor(token: string): Fetcher {
  const authorization = `Bearer ${token}`;
  const fetcher = createGraphiQLFetcher({
    url: "/graphql",
    subscriptionUrl: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    wsConnectionParams: { authorization },
    fetch: async (input, init) => {
      const headers = new Headers(init?.headers);
      const isOwn = !headers.has("authorization");
      if (isOwn) headers.set("authorization", authorization);
      const response = await fetch(input, { ...init, headers });
      if (isOwn && response.status === 401) endSession("Your token or API key has expired or was revoked.");
      return response;
    },
  });
  return ({ operationName, ...parameters }, options) => {
    // GraphiQL parses the editor's content with a delay. Until then it would send a new subscription as a
    // query.
    const document = parsed(parameters.query) ?? options?.documentAST;
    const operations = document ? names(document) : [];
    // The name may belong to the previous content; GraphiQL recognizes a subscription by its name.
    const name =
      operations.includes(operationName ?? undefined) || operations.length > 1
        ? operationName
        : operations[0];
    return fetcher({ ...parameters, operationName: name }, { ...options, documentAST: document });
  };
}

/** Parses a document; undefined if it is not valid, since the server explains errors better. */
function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

function names(document: DocumentNode): (string | undefined)[] {
  const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  return operations.map((operation) => (operation as OperationDefinitionNode).name?.value);
}
