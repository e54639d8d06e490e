-- How long an organization's log is kept, and how far it was removed. `pruned_hash` is the hash of the last
-- entry that was removed: the chain goes on from it. What is announced in the log is removed, and no more.
CREATE TABLE retentions (
    organization_id :uuid PRIMARY KEY NOT NULL REFERENCES organizations (id),
    days integer CHECK (days > 0),
    announced bigint NOT NULL,
    pruned bigint NOT NULL CHECK (pruned >= 0 AND pruned <= announced),
    pruned_hash :bytes NOT NULL
);

-- While an organization has one, nothing of its log is removed.
CREATE TABLE holds (
    organization_id :uuid NOT NULL REFERENCES organizations (id),
    name :key NOT NULL,
    reason text NOT NULL,
    placed_by :key NOT NULL,
    placed_at :time NOT NULL,
    PRIMARY KEY (organization_id, name)
);
