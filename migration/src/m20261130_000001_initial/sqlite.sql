CREATE TRIGGER audit_logs_no_update BEFORE UPDATE ON audit_logs BEGIN
    SELECT RAISE(ABORT, 'audit_logs is append-only: UPDATE refused');
END;
-- Retention's own way: what it has noted as removed.
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
WHEN NOT EXISTS (
    SELECT 1 FROM retentions WHERE organization_id = OLD.organization_id AND pruned >= OLD.sequence
)
BEGIN
    SELECT RAISE(ABORT, 'audit_logs is append-only: DELETE refused');
END;
-- INSERT OR REPLACE deletes the row in its way without firing the trigger above, whether it meets
-- it by key or by rowid (which is -1 here where the statement doesn't give one).
CREATE TRIGGER audit_logs_no_replace BEFORE INSERT ON audit_logs
WHEN EXISTS (SELECT 1 FROM audit_logs WHERE organization_id = NEW.organization_id AND sequence = NEW.sequence)
    OR EXISTS (SELECT 1 FROM audit_logs WHERE rowid = NEW.rowid)
BEGIN
    SELECT RAISE(ABORT, 'audit_logs is append-only: REPLACE refused');
END;

-- Instance-wide log: what operators do.
INSERT INTO organizations (id, slug, name, created_at)
    VALUES (zeroblob(16), 'instance', 'This instance', strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'));
INSERT INTO audit_log_heads (organization_id, sequence, hash, edge)
    VALUES (zeroblob(16), 0, zeroblob(32), zeroblob(0));
