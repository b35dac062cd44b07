-- due_at: when the job may be taken; while it is leased, when the lease ends.
-- again_at: asked for once more while it was leased.
CREATE TABLE jobs (
    queue text NOT NULL,
    key text NOT NULL,
    lane text NOT NULL,
    payload text NOT NULL,
    due_at bigint NOT NULL,
    again_at bigint,
    lease uuid,
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    PRIMARY KEY (queue, key)
);
CREATE INDEX jobs_due ON jobs (queue, due_at);
