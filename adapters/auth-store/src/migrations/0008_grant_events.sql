-- What tenants are still to be told about their grants. A row is deleted when it was handed over.
CREATE TABLE grant_events (
    id uuid PRIMARY KEY,
    grant_id uuid NOT NULL,
    -- Of two events of one millisecond, the one with the smaller number is told first.
    turn integer NOT NULL,
    body text NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX grant_events_in_order ON grant_events (grant_id, created_at, turn);
