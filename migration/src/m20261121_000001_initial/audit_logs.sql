CREATE TABLE audit_log_heads (
    organization_id :uuid PRIMARY KEY NOT NULL REFERENCES organizations (id),
    sequence bigint NOT NULL,
    hash :bytes NOT NULL
);

CREATE TABLE audit_logs (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    sequence bigint NOT NULL CHECK (sequence > 0),
    id :uuid NOT NULL,
    timestamp :time NOT NULL,
    recorded_at :time NOT NULL,
    recorded_by :key NOT NULL,
    actor_type :key NOT NULL CHECK (actor_type IN ('USER', 'SERVICE', 'SYSTEM')),
    actor_id :key NOT NULL,
    actor_email :key,
    actor_name text,
    action :key NOT NULL,
    outcome :key NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILURE', 'DENIED')),
    resource_type :key NOT NULL,
    resource_id :key NOT NULL,
    resource_name text,
    request_id :key,
    ip_address text,
    user_agent text,
    changes text NOT NULL,
    extra text,
    salt :bytes,
    commitment :bytes NOT NULL,
    hash :bytes NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);

-- One index for each filter with each order, so that a page costs the same at any depth.
CREATE INDEX audit_logs_by_timestamp ON audit_logs (organization_id, timestamp, sequence);
CREATE INDEX audit_logs_by_actor_id ON audit_logs (organization_id, actor_id, sequence);
CREATE INDEX audit_logs_by_actor_id_timestamp ON audit_logs (organization_id, actor_id, timestamp, sequence);
CREATE INDEX audit_logs_by_actor_email ON audit_logs (organization_id, actor_email, sequence);
CREATE INDEX audit_logs_by_actor_email_timestamp ON audit_logs (organization_id, actor_email, timestamp, sequence);
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
