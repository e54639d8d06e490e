import "graphiql/setup-workers/vite";
import { GraphiQL } from "graphiql";
import { useMemo } from "react";
import "graphiql/style.css";
import "./explorer.css";
import { signOut } from "../session/token";
import { useTheme } from "../shell/theme";
import { EXAMPLES_PLUGIN } from "./examples";
import { fetcherFor } from "./fetcher";

// The same ones at each rendering: others would take the place of the panel that is open.
const PLUGINS = [EXAMPLES_PLUGIN];

const WELCOME = `# Your token is in place: queries and subscriptions run as you.
# "Examples", at the left, has some to begin with.
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

/** GraphiQL, all of it from this server. */
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
        // A header may be a secret, and the browser would remember it beyond this tab.
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
