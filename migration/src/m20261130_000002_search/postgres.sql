-- Derived from audit_logs, and without a foreign key to it, which would be checked for each row.
CREATE TABLE audit_log_search (
    organization_id uuid NOT NULL,
    sequence bigint NOT NULL,
    timestamp timestamptz NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (organization_id, sequence)
);
-- Knowing how common words are, the planner would expect of two common ones that they meet often.
-- Knowing nothing, it takes each search for a rare one, and so the index below.
ALTER TABLE audit_log_search ALTER COLUMN words SET STATISTICS 0;
CREATE INDEX audit_log_search_words ON audit_log_search USING gin (words);

-- As for audit_logs.
ALTER TABLE audit_log_search SET (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.01
);
