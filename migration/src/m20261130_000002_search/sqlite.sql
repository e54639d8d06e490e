-- An organization's entries are the rows `number << 40 | sequence` of the index, so that they stand
-- together and in order. Recording gives an organization its number.
CREATE TABLE audit_log_search_spaces (
    number integer PRIMARY KEY,
    organization_id blob NOT NULL UNIQUE
);

-- Words come cut and in lower case. What matters is only whether a word occurs: neither where nor how
-- often.
CREATE VIRTUAL TABLE audit_log_search USING fts5 (words, tokenize = 'ascii', detail = none, columnsize = 0);
