-- Values with a life time, shared by the processes of a role. Times are milliseconds since 1970.
CREATE TABLE shared_values (
    name text NOT NULL PRIMARY KEY,
    value bytea NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX shared_values_expires_at ON shared_values (expires_at);
