-- The related resources of entries, by which filters find them. Derived from audit_logs, and without a foreign
-- key to it, which would be checked for each row.
CREATE TABLE audit_log_search_resources (
    organization_id :uuid NOT NULL,
    sequence bigint NOT NULL,
    resource_type :key NOT NULL,
    resource_id :key NOT NULL,
    PRIMARY KEY (organization_id, resource_id, resource_type, sequence)
);
CREATE INDEX audit_log_search_resources_by_type ON audit_log_search_resources (organization_id, resource_type, sequence);
CREATE INDEX audit_log_search_resources_by_sequence ON audit_log_search_resources (organization_id, sequence);
