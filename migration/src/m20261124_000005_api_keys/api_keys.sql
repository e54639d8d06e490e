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
