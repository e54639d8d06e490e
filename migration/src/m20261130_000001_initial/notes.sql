CREATE TABLE workspaces (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    id :uuid NOT NULL,
    name :key NOT NULL,
    created_at :time NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, name)
);

CREATE TABLE notes (
    organization_id :uuid NOT NULL,
    id :uuid NOT NULL,
    workspace_id :uuid NOT NULL,
    path :key NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    tags text NOT NULL,
    version integer NOT NULL,
    created_at :time NOT NULL,
    updated_at :time NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, workspace_id, path),
    FOREIGN KEY (organization_id, workspace_id) REFERENCES workspaces (organization_id, id)
);
