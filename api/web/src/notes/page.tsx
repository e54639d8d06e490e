import { useState } from "react";
import { Button } from "../controls/button";
import { Select } from "../controls/select";
import { EmptyState, ErrorState, Skeleton } from "../controls/states";
import { navigate, useQueryString } from "../routing/router";
import type { Membership } from "../session/viewer";
import { CreateWorkspace } from "./create-workspace";
import type { Workspace } from "./documents";
import { ExportNotes } from "./export-notes";
import { useWorkspaces } from "./use-pages";
import { WorkspaceView } from "./workspace-view";

/** The workspaces of an organization and their notes. */
export default function NotesPage({ membership: { organization, role } }: { membership: Membership }) {
  const { items: workspaces, error, reload } = useWorkspaces(organization.id);
  const [isCreating, setCreating] = useState(false);
  const parameters = new URLSearchParams(useQueryString());
  const workspace = workspaces?.find(({ id }) => id === parameters.get("workspace")) ?? workspaces?.[0];
  const go = (next: Workspace) => navigate(`${location.pathname}?workspace=${encodeURIComponent(next.id)}`);
  return (
    <div className="page page-notes">
      <header className="page-header">
        <h1>Notes</h1>
        <div className="page-actions">
          {workspaces && workspace && workspaces.length > 1 && (
            <Select
              label="Workspace"
              isLabelHidden
              value={workspace.id}
              options={workspaces.map(({ id, name }) => ({ value: id, label: name }))}
              onChange={(id) => go({ id, name: "" })}
            />
          )}
          {workspace && (
            <ExportNotes
              key={workspace.id}
              organizationId={organization.id}
              workspace={workspace}
              reader={role}
            />
          )}
          <Button icon="plus" onPress={() => setCreating(true)}>
            New workspace
          </Button>
        </div>
      </header>
      {error && <ErrorState message={error} onRetry={reload} />}
      {!error && !workspaces && <Skeleton width="20rem" />}
      {workspaces && !workspace && (
        <EmptyState icon="notes" title="No workspace yet">
          <p>A workspace contains Markdown notes. Create one, or import a folder of files with</p>
          <pre>daybook import notes --organization {organization.slug} --workspace NAME DIR</pre>
        </EmptyState>
      )}
      {workspace && (
        <WorkspaceView key={workspace.id} workspace={workspace} noteId={parameters.get("note")} />
      )}
      {isCreating && (
        <CreateWorkspace
          organizationId={organization.id}
          onClose={() => setCreating(false)}
          onCreated={(made) => {
            setCreating(false);
            reload();
            go(made);
          }}
        />
      )}
    </div>
  );
}
