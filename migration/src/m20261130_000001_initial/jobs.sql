CREATE TABLE jobs (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    id :uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED')),
    requester_type text NOT NULL,
    requester_id :key NOT NULL,
    requester_email text,
    request_id text,
    traceparent text,
    payload text NOT NULL,
    request_hash :bytes NOT NULL,
    idempotency_key :key,
    created_at :time NOT NULL,
    available_at :time NOT NULL,
    started_at :time,
    finished_at :time,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    claim bigint NOT NULL,
    lease_until :time,
    leased_by text,
    cancel_requested_at :time,
    cancel_requested_by text,
    retry_of :uuid,
    progress_phase text,
    progress_done bigint NOT NULL,
    progress_total bigint,
    progress_at :time,
    error_code text,
    error_message text,
    outcome text,
    PRIMARY KEY (organization_id, id),
    CHECK ((state = 'RUNNING') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('SUCCEEDED', 'FAILED', 'CANCELED')) = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX jobs_by_idempotency_key ON jobs (organization_id, kind, idempotency_key);
CREATE INDEX jobs_by_creation ON jobs (organization_id, created_at, id);
CREATE INDEX jobs_by_instance_creation ON jobs (created_at, organization_id, id);
CREATE INDEX jobs_queued ON jobs (organization_id, available_at, id) WHERE state = 'QUEUED';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'RUNNING';
CREATE INDEX jobs_unfinished ON jobs (organization_id, request_hash) WHERE state IN ('QUEUED', 'RUNNING');

CREATE TABLE job_feed (
    id integer PRIMARY KEY CHECK (id = 1),
    feed bigint NOT NULL,
    pruned bigint NOT NULL
);
INSERT INTO job_feed (id, feed, pruned) VALUES (1, 0, 0);

CREATE TABLE job_events (
    organization_id :uuid NOT NULL,
    feed bigint NOT NULL UNIQUE,
    job_id :uuid NOT NULL,
    from_state text,
    to_state text NOT NULL,
    at :time NOT NULL,
    attempt integer NOT NULL,
    reason text,
    fingerprint integer NOT NULL,
    PRIMARY KEY (organization_id, feed),
    FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX job_events_by_job ON job_events (organization_id, job_id, feed);

-- Where processes on this database keep artifacts, which no backup holds.
CREATE TABLE artifact_stores (
    id :key PRIMARY KEY NOT NULL,
    place text NOT NULL,
    host text NOT NULL,
    seen_at :time NOT NULL
);

CREATE TABLE artifacts (
    organization_id :uuid NOT NULL,
    job_id :uuid NOT NULL,
    object_key :key NOT NULL UNIQUE,
    file_name text NOT NULL,
    content_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 :bytes NOT NULL,
    record_count bigint NOT NULL,
    manifest text NOT NULL,
    created_at :time NOT NULL,
    expires_at :time NOT NULL,
    removed_at :time,
    -- The store that has the file.
    store_id :key NOT NULL,
    PRIMARY KEY (organization_id, job_id),
    FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX artifacts_by_expiry ON artifacts (expires_at) WHERE removed_at IS NULL;

-- What this database was restored from. A backup's file adds the row; no backup holds it.
CREATE TABLE restores (
    job_id :uuid PRIMARY KEY NOT NULL,
    taken_at :time NOT NULL,
    settled_at :time
);
