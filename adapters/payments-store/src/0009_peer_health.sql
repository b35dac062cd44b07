-- How exchanges with peers went, for display. Every process notes what changed, and the newest of each fact is kept.
CREATE TABLE peer_health (
    peer_id uuid NOT NULL PRIMARY KEY REFERENCES peers (id) ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('UP', 'DOWN')),
    since bigint NOT NULL,
    last_success_at bigint,
    last_error_at bigint,
    last_error text,
    interruptions bigint NOT NULL
);
