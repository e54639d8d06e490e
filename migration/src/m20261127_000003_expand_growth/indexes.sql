-- By which retention finds the recordings of the entries that it removes.
CREATE INDEX recordings_by_sequence ON recordings (organization_id, first_sequence);
