CREATE TABLE card_requests (
    request_id uuid PRIMARY KEY,
    digest text NOT NULL,
    body text NOT NULL,
    state text NOT NULL,
    received_at bigint NOT NULL,
    deadline bigint NOT NULL,
    settled_at bigint
);

CREATE INDEX card_requests_settled ON card_requests (settled_at);
