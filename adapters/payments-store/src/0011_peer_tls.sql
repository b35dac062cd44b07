-- Certificates used with peers, in PEM. The private key is encrypted with DB_ENCRYPTION_SECRET.
CREATE TABLE peer_tls (
    peer_id uuid NOT NULL PRIMARY KEY REFERENCES peers (id) ON DELETE CASCADE,
    certificate text,
    sealed_key text,
    authorities text,
    CHECK ((certificate IS NULL) = (sealed_key IS NULL)),
    CHECK (certificate IS NOT NULL OR authorities IS NOT NULL)
);
