CREATE TABLE wallet_contacts (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id),
    url text NOT NULL,
    name text NOT NULL,
    used_at bigint NOT NULL,
    UNIQUE (user_id, url)
);
