CREATE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Retention's own way: what it has noted as removed.
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (
            SELECT 1 FROM retentions
            WHERE organization_id = OLD.organization_id AND pruned >= OLD.sequence
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit_logs is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER audit_logs_no_change BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_logs_append_only();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_append_only();

-- The head moves with each recording: room on its page keeps those updates in place.
ALTER TABLE audit_log_heads SET (fillfactor = 50);

-- Instance-wide log: what operators do.
INSERT INTO organizations (id, slug, name, created_at)
    VALUES ('00000000-0000-0000-0000-000000000000', 'instance', 'This instance', clock_timestamp());
INSERT INTO audit_log_heads (organization_id, sequence, hash, edge)
    VALUES ('00000000-0000-0000-0000-000000000000', 0, decode(repeat('00', 32), 'hex'), '');

-- By default a table is vacuumed when a fifth of it is dead or new. Of a large log a fifth is much: until then
-- pages that begin where entries were removed step over them, and index-only scans look at new rows twice.
ALTER TABLE audit_logs SET (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_analyze_scale_factor = 0.01
);
