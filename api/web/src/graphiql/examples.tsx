import { type GraphiQLPlugin, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useMemo } from "react";
import { bearer } from "./bearer";
import { EXAMPLES, type Example } from "./example-documents";

/** A list of example documents; a click opens one in a new tab, with the user's organization filled in. */
export const EXAMPLES_PLUGIN: GraphiQLPlugin = {
  title: "Examples",
  icon: () => (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M12 3v4M12 17v4M3 12h4M17 12h4M6 6l2.5 2.5M15.5 15.5 18 18M6 18l2.5-2.5M15.5 8.5 18 6" />
    </svg>
  ),
  content: Examples,
};

function Examples() {
  const organization = useMemo(findOrganization, []);
  const { addTab } = useGraphiQLActions();
  const editors = useGraphiQL(({ queryEditor, variableEditor }) => ({ queryEditor, variableEditor }));
  // The editors load separately; a click before they are ready would be lost.
  const isReady = Boolean(editors.queryEditor && editors.variableEditor);
  const load = async ({ document, variables }: Example) => {
    const id = await organization;
    addTab();
    editors.queryEditor?.setValue(document);
    editors.variableEditor?.setValue(variables ? JSON.stringify(variables(id), null, 2) : "");
  };
  return (
    <section className="examples" aria-label="Examples">
      <h2>Examples</h2>
      {EXAMPLES.map((example) => (
        <button key={example.name} type="button" disabled={!isReady} onClick={() => void load(example)}>
          <span className="examples-name">{example.name}</span>
          <span className="examples-text">{example.text}</span>
        </button>
      ))}
    </section>
  );
}

/** ID of the user's first organization, or a placeholder if there is none. */
async function findOrganization(): Promise<string> {
  const answer = await bearer("{ viewer { memberships { organization { id } } } }");
  return answer?.data?.viewer?.memberships?.[0]?.organization.id ?? "<an organization's ID>";
}
