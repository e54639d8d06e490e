import { graphql } from "../graphql/generated";
import type { NoteQuery, NotesQuery, WorkspacesQuery } from "../graphql/generated/graphql";

export type Workspace = NonNullable<WorkspacesQuery["organization"]>["workspaces"]["nodes"][number];
type WorkspaceNode = Extract<NotesQuery["node"], { __typename: "Workspace" }>;
export type NoteRow = WorkspaceNode["notes"]["nodes"][number];
export type Note = Extract<NoteQuery["node"], { __typename: "Note" }>;

export const WORKSPACES = graphql(`
  query Workspaces($id: ID!, $after: String) {
    organization(id: $id) {
      workspaces(first: 100, after: $after) {
        nodes { id name }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

export const NOTES = graphql(`
  query Notes($id: ID!, $after: String) {
    node(id: $id) {
      __typename
      ... on Workspace {
        notes(first: 100, after: $after) {
          nodes { id path title tags updatedAt }
          pageInfo { hasNextPage endCursor }
        }
      }
    }
  }
`);

export const NOTE = graphql(`
  query Note($id: ID!) {
    node(id: $id) {
      __typename
      ... on Note { id path title body tags version createdAt updatedAt workspace { id } }
    }
  }
`);

export const CREATE_WORKSPACE = graphql(`
  mutation CreateWorkspace($input: CreateWorkspaceInput!) {
    createWorkspace(input: $input) { workspace { id name } userErrors { message path } }
  }
`);

export const CREATE_NOTE = graphql(`
  mutation CreateNote($input: CreateNoteInput!) {
    createNote(input: $input) { note { id } userErrors { message path } }
  }
`);

export const UPDATE_NOTE = graphql(`
  mutation UpdateNote($input: UpdateNoteInput!) {
    updateNote(input: $input) {
      note { __typename id path title body tags version createdAt updatedAt workspace { id } }
      userErrors { code message path }
    }
  }
`);

export const DELETE_NOTE = graphql(`
  mutation DeleteNote($input: DeleteNoteInput!) {
    deleteNote(input: $input) { deletedNoteId userErrors { message } }
  }
`);
