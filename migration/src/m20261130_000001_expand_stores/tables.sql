-- Where processes on this database keep artifacts, which no backup holds.
CREATE TABLE artifact_stores (
    id :key PRIMARY KEY NOT NULL,
    place text NOT NULL,
    host text NOT NULL,
    seen_at :time NOT NULL
);

-- In which of them the file is; null for files of versions that did not say so.
ALTER TABLE artifacts ADD COLUMN store_id :key;
