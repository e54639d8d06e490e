CREATE TABLE audit_log_heads (
    organization_id :uuid PRIMARY KEY NOT NULL REFERENCES organizations (id),
    sequence bigint NOT NULL,
    hash :bytes NOT NULL,
    -- The right edge of the Merkle tree over the log's leaf hashes (RFC 6962): the roots of the perfect subtrees,
    -- largest first, 32 bytes each.
    edge :bytes NOT NULL
);

CREATE TABLE audit_logs (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    sequence bigint NOT NULL CHECK (sequence > 0),
    id :uuid NOT NULL,
    timestamp :time NOT NULL,
    recorded_at :time NOT NULL,
    clock_skewed boolean NOT NULL DEFAULT FALSE,
    recorded_by :key NOT NULL,
    actor_type :key NOT NULL CHECK (actor_type IN ('USER', 'SERVICE', 'SYSTEM', 'AGENT')),
    actor_id :key NOT NULL,
    actor_email text,
    -- What filters compare: the address without regard to case.
    actor_email_folded :key,
    actor_name text,
    on_behalf_of text,
    action :key NOT NULL,
    outcome :key NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILURE', 'DENIED')),
    resource_type :key NOT NULL,
    resource_id :key NOT NULL,
    resource_name text,
    related_resources text NOT NULL DEFAULT '[]',
    request_id :key,
    ip_address text,
    -- What filters compare: the 16 bytes of the address in hexadecimal, an IPv4 address as its IPv6 form.
    ip_address_key :key,
    user_agent text,
    changes text NOT NULL,
    extra text,
    salt :bytes,
    hash :bytes NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);

-- One index for each filter with each order, so that a page costs the same at any depth.
CREATE INDEX audit_logs_by_timestamp ON audit_logs (organization_id, timestamp, sequence);
CREATE INDEX audit_logs_by_actor_id ON audit_logs (organization_id, actor_id, sequence);
CREATE INDEX audit_logs_by_actor_id_timestamp ON audit_logs (organization_id, actor_id, timestamp, sequence);
CREATE INDEX audit_logs_by_actor_email ON audit_logs (organization_id, actor_email_folded, sequence);
CREATE INDEX audit_logs_by_actor_email_timestamp ON audit_logs (organization_id, actor_email_folded, timestamp, sequence);
CREATE INDEX audit_logs_by_actor_type ON audit_logs (organization_id, actor_type, sequence);
CREATE INDEX audit_logs_by_actor_type_timestamp ON audit_logs (organization_id, actor_type, timestamp, sequence);
CREATE INDEX audit_logs_by_action ON audit_logs (organization_id, action, sequence);
CREATE INDEX audit_logs_by_action_timestamp ON audit_logs (organization_id, action, timestamp, sequence);
CREATE INDEX audit_logs_by_outcome ON audit_logs (organization_id, outcome, sequence);
CREATE INDEX audit_logs_by_outcome_timestamp ON audit_logs (organization_id, outcome, timestamp, sequence);
CREATE INDEX audit_logs_by_resource_type ON audit_logs (organization_id, resource_type, sequence);
CREATE INDEX audit_logs_by_resource_type_timestamp ON audit_logs (organization_id, resource_type, timestamp, sequence);
CREATE INDEX audit_logs_by_resource_id ON audit_logs (organization_id, resource_id, sequence);
CREATE INDEX audit_logs_by_resource_id_timestamp ON audit_logs (organization_id, resource_id, timestamp, sequence);
CREATE INDEX audit_logs_by_request_id ON audit_logs (organization_id, request_id, sequence);
CREATE INDEX audit_logs_by_request_id_timestamp ON audit_logs (organization_id, request_id, timestamp, sequence);

CREATE INDEX audit_logs_clock_skewed ON audit_logs (organization_id, sequence) WHERE clock_skewed;

-- Entries that were recorded after the database's clock had been set back by more than an hour: their recorded_at
-- is earlier than that of the entry before them. Between two of them, times never decrease along the log.
CREATE TABLE clock_steps (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    sequence bigint NOT NULL,
    previous_recorded_at :time NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);

CREATE TABLE recordings (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    idempotency_key :key NOT NULL,
    request_hash :bytes NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    recorded_at :time NOT NULL,
    PRIMARY KEY (organization_id, idempotency_key)
);
CREATE INDEX recordings_by_time ON recordings (recorded_at);
-- By which retention finds the recordings of the entries that it removes.
CREATE INDEX recordings_by_sequence ON recordings (organization_id, first_sequence);

-- The last run of `daybook import audit-logs` of each source.
CREATE TABLE import_runs (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    source :key NOT NULL,
    run bigint NOT NULL,
    PRIMARY KEY (organization_id, source)
);

-- Lines of imported files that are entries. `occurrence` counts lines of equal content within a file, and `run` is
-- the last run that met the line.
CREATE TABLE import_lines (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    source :key NOT NULL,
    digest :bytes NOT NULL,
    occurrence integer NOT NULL,
    sequence bigint NOT NULL,
    run bigint NOT NULL,
    PRIMARY KEY (organization_id, source, digest, occurrence)
);
-- By which retention finds the lines of the entries that it removes.
CREATE INDEX import_lines_by_sequence ON import_lines (organization_id, sequence);

-- How long an organization's log is kept, and how far it was removed. `pruned_hash` is the hash of the last
-- entry that was removed: the chain goes on from it. What is announced in the log is removed, and no more.
CREATE TABLE retentions (
    organization_id :uuid PRIMARY KEY NOT NULL REFERENCES organizations (id),
    days integer CHECK (days > 0),
    announced bigint NOT NULL,
    pruned bigint NOT NULL CHECK (pruned >= 0 AND pruned <= announced),
    pruned_hash :bytes NOT NULL
);

-- While an organization has one, nothing of its log is removed.
CREATE TABLE holds (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    name :key NOT NULL,
    reason text NOT NULL,
    placed_by :key NOT NULL,
    placed_at :time NOT NULL,
    PRIMARY KEY (organization_id, name)
);
