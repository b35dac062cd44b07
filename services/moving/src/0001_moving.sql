-- One row: from where these databases were filled. complete_at is null while a pass is under way.
CREATE TABLE moving (
    one integer NOT NULL PRIMARY KEY CHECK (one = 1),
    source text NOT NULL,
    mode text NOT NULL,
    begun_at bigint NOT NULL,
    complete_at bigint,
    in_use_since bigint
);

-- The instant of the original as of which each of its tables was carried.
CREATE TABLE moving_progress (
    source text NOT NULL PRIMARY KEY,
    through bigint NOT NULL
);
