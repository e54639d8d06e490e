-- By default a table is vacuumed when a fifth of it is dead or new. Of a large log a fifth is much: until then
-- pages that begin where entries were removed step over them, and index-only scans look at new rows twice.
ALTER TABLE audit_logs SET (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_analyze_scale_factor = 0.01
);
ALTER TABLE audit_log_search SET (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.01
);
