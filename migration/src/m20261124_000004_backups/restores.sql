-- What this database was restored from. A backup's file adds the row; no backup holds it.
CREATE TABLE restores (
    job_id :uuid PRIMARY KEY NOT NULL,
    taken_at :time NOT NULL,
    settled_at :time
);
