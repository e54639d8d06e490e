CREATE OR REPLACE FUNCTION audit_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
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
