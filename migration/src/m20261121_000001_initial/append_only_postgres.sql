CREATE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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
INSERT INTO audit_log_heads (organization_id, sequence, hash)
    VALUES ('00000000-0000-0000-0000-000000000000', 0, decode(repeat('00', 32), 'hex'));
