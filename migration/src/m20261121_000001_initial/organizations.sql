CREATE TABLE instance (
    id integer PRIMARY KEY CHECK (id = 1),
    secret_fingerprint :bytes NOT NULL,
    created_at :time NOT NULL
);

CREATE TABLE organizations (
    id :uuid PRIMARY KEY NOT NULL,
    slug :key NOT NULL UNIQUE,
    name text NOT NULL,
    created_at :time NOT NULL
);

CREATE TABLE memberships (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    subject :key NOT NULL,
    role text NOT NULL CHECK (role IN ('ADMIN', 'AUDITOR', 'WRITER', 'MEMBER')),
    email text,
    created_at :time NOT NULL,
    PRIMARY KEY (organization_id, subject)
);
CREATE INDEX memberships_by_subject ON memberships (subject);

CREATE TABLE operators (
    subject :key PRIMARY KEY NOT NULL,
    email text,
    created_at :time NOT NULL
);
