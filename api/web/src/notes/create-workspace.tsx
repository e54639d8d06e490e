import { type FormEvent, useState } from "react";
import { useClient } from "urql";
import { Button } from "../controls/button";
import { Overlay } from "../controls/dialog";
import { TextInput } from "../controls/text-input";
import { explain } from "../graphql/client";
import { CREATE_WORKSPACE, type Workspace } from "./documents";

interface CreateWorkspaceProps {
  organizationId: string;
  onClose: () => void;
  onCreated: (workspace: Workspace) => void;
}

export function CreateWorkspace({ organizationId, onClose, onCreated }: CreateWorkspaceProps) {
  const client = useClient();
  const [name, setName] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const { data, error } = await client
      .mutation(CREATE_WORKSPACE, { input: { organizationId, name } })
      .toPromise();
    const made = data?.createWorkspace.workspace;
    if (made) return onCreated(made);
    setProblem(
      error
        ? explain(error)
        : (data?.createWorkspace.userErrors[0]?.message ?? "The workspace was not created."),
    );
  };
  return (
    <Overlay title="New workspace" isOpen onClose={onClose}>
      <form className="dialog-content" onSubmit={submit}>
        <TextInput label="Name" value={name} onChange={setName} error={problem} autoFocus isRequired />
        <footer className="dialog-footer">
          <Button onPress={onClose}>Cancel</Button>
          <Button type="submit" variant="primary">
            Create
          </Button>
        </footer>
      </form>
    </Overlay>
  );
}
