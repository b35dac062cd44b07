-- Certificates used with peers, in PEM. The key is stored in clear, because it has to be used.
CREATE TABLE peer_tls (
    peer_id uuid NOT NULL PRIMARY KEY REFERENCES peers (id) ON DELETE CASCADE,
    certificate text,
    private_key text,
    authorities text,
    CHECK ((certificate IS NULL) = (private_key IS NULL))
);
