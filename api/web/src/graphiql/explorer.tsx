import "graphiql/setup-workers/vite";
import { GraphiQL } from "graphiql";
import { useMemo } from "react";
import "graphiql/style.css";
import "./explorer.css";
import { signOut } from "../session/token";
import { useTheme } from "../shell/theme";
import { EXAMPLES_PLUGIN } from "./examples";
import { fetcherFor } from "./fetcher";

// Created once, since new plugins at each rendering would close the open panel.
const PLUGINS = [EXAMPLES_PLUGIN];

const WELCOME = `# You are signed in: queries and subscriptions run with your token.
# Open "Examples" on the left to get started.
{
  viewer {
    subject
    memberships {
      role
      organization { id slug name }
    }
  }
}
`;

/** GraphiQL, loaded entirely from this server. */
export default function Explorer({ token }: { token: string }) {
  const fetcher = useMemo(() => fetcherFor(token), [token]);
  const theme = useTheme();
  return (
    <main className="explorer">
      <h1 className="visually-hidden">GraphiQL</h1>
      <GraphiQL
        fetcher={fetcher}
        plugins={PLUGINS}
        visiblePlugin={EXAMPLES_PLUGIN}
        initialQuery={WELCOME}
        defaultQuery={WELCOME}
        forcedTheme={theme}
        defaultEditorToolsVisibility="variables"
        // A header may contain a secret, which the browser would keep beyond this tab.
        showPersistHeadersSettings={false}
      >
        <GraphiQL.Logo>
          <a className="graphiql-home" href="/">
            Daybook
          </a>
          <button type="button" className="graphiql-sign-out" onClick={signOut}>
            Sign out
          </button>
        </GraphiQL.Logo>
      </GraphiQL>
    </main>
  );
}
