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

CREATE TABLE api_keys (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    id :uuid NOT NULL,
    prefix :key NOT NULL UNIQUE,
    hash :bytes NOT NULL,
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('AUDITOR', 'WRITER')),
    created_by text NOT NULL,
    created_at :time NOT NULL,
    expires_at :time,
    revoked_at :time,
    last_used_at :time,
    PRIMARY KEY (organization_id, id)
);
CREATE INDEX api_keys_by_time ON api_keys (organization_id, created_at, id);
