-- Of the tokens that peers present only digests are kept. Those of older versions are digested when the store is
-- opened, and peer_http_tokens is empty from then on.
CREATE TABLE peer_incoming_tokens (
    digest text NOT NULL PRIMARY KEY,
    peer_id uuid NOT NULL REFERENCES peers (id) ON DELETE CASCADE,
    expires_at bigint,
    created_at bigint NOT NULL
);
CREATE INDEX peer_incoming_tokens_peer ON peer_incoming_tokens (peer_id);

-- Tokens we presented before, as a JSON list; where a peer was asked for peering; THEM if it asked us.
ALTER TABLE peers ADD COLUMN former_outgoing_tokens text NOT NULL DEFAULT '[]';
ALTER TABLE peers ADD COLUMN peering_url text;
ALTER TABLE peers ADD COLUMN wanted_by text NOT NULL DEFAULT 'US' CHECK (wanted_by IN ('US', 'THEM'));

-- Tokens sent to nodes that were asked for peering and have not answered yet. A repeated request sends the same.
CREATE TABLE peerings_asked_for (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    asset_id uuid NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    peering_url text NOT NULL,
    token text NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant_id, asset_id, peering_url)
);
