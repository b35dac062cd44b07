-- Instants are milliseconds since 1970, amounts the smallest unit of their asset, ratios `numerator/denominator`,
-- JSON is text so that the order of members is kept.

CREATE TABLE tenants (
    id uuid NOT NULL PRIMARY KEY,
    api_secret text NOT NULL,
    email text,
    public_name text,
    idp_consent_url text,
    idp_secret text,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint
);
CREATE INDEX tenants_page ON tenants (created_at, id);

CREATE TABLE tenant_settings (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key text NOT NULL,
    value text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    PRIMARY KEY (tenant_id, key)
);
CREATE UNIQUE INDEX tenant_settings_wallet_address_url ON tenant_settings (value) WHERE key = 'WALLET_ADDRESS_URL';

-- The next ledger number; a counter row and not a sequence, so that a rolled-back insert burns no number.
CREATE TABLE ledger_numbers (
    id integer NOT NULL PRIMARY KEY CHECK (id = 1),
    next bigint NOT NULL CHECK (next BETWEEN 1 AND 4294967295)
);
INSERT INTO ledger_numbers (id, next) VALUES (1, 1);

CREATE TABLE assets (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    ledger bigint NOT NULL UNIQUE CHECK (ledger BETWEEN 1 AND 4294967295),
    code text NOT NULL,
    scale integer NOT NULL CHECK (scale BETWEEN 0 AND 255),
    withdrawal_threshold bigint CHECK (withdrawal_threshold >= 0),
    liquidity_threshold bigint CHECK (liquidity_threshold >= 0),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    UNIQUE (tenant_id, code, scale)
);
CREATE INDEX assets_page ON assets (tenant_id, created_at, id);

CREATE TABLE fees (
    id uuid NOT NULL PRIMARY KEY,
    asset_id uuid NOT NULL REFERENCES assets (id),
    kind text NOT NULL CHECK (kind IN ('SENDING', 'RECEIVING')),
    fixed_fee bigint NOT NULL CHECK (fixed_fee >= 0),
    basis_point_fee integer NOT NULL CHECK (basis_point_fee BETWEEN 0 AND 10000),
    created_at bigint NOT NULL
);
CREATE INDEX fees_newest ON fees (asset_id, kind, created_at, id);

CREATE TABLE wallet_addresses (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    asset_id uuid NOT NULL REFERENCES assets (id),
    address text NOT NULL UNIQUE,
    public_name text,
    total_events_amount bigint NOT NULL DEFAULT 0 CHECK (total_events_amount >= 0),
    process_at bigint,
    deactivated_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX wallet_addresses_page ON wallet_addresses (tenant_id, created_at, id);
CREATE INDEX wallet_addresses_asset ON wallet_addresses (asset_id);

CREATE TABLE wallet_address_keys (
    id uuid NOT NULL PRIMARY KEY,
    wallet_address_id uuid NOT NULL REFERENCES wallet_addresses (id),
    kid text NOT NULL,
    x text NOT NULL,
    revoked boolean NOT NULL DEFAULT FALSE,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE UNIQUE INDEX wallet_address_keys_kid ON wallet_address_keys (wallet_address_id, kid) WHERE NOT revoked;
CREATE INDEX wallet_address_keys_page ON wallet_address_keys (wallet_address_id, created_at, id);

CREATE TABLE wallet_address_properties (
    id uuid NOT NULL PRIMARY KEY,
    wallet_address_id uuid NOT NULL REFERENCES wallet_addresses (id) ON DELETE CASCADE,
    position integer NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    visible_in_open_payments boolean NOT NULL DEFAULT FALSE
);
CREATE INDEX wallet_address_properties_address ON wallet_address_properties (wallet_address_id, position);

CREATE TABLE incoming_payments (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    wallet_address_id uuid NOT NULL REFERENCES wallet_addresses (id),
    asset_id uuid NOT NULL REFERENCES assets (id),
    state text NOT NULL CHECK (state IN ('PENDING', 'PROCESSING', 'COMPLETED', 'EXPIRED')),
    incoming_amount bigint CHECK (incoming_amount >= 0),
    expires_at bigint NOT NULL,
    client text,
    metadata text,
    initiated_by text NOT NULL CHECK (initiated_by IN ('CARD', 'OPEN_PAYMENTS', 'ADMIN')),
    sender_wallet_address text,
    approved_at bigint,
    cancelled_at bigint,
    cancellation_reason text,
    announced_amount bigint NOT NULL DEFAULT 0 CHECK (announced_amount >= 0),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint,
    CHECK (approved_at IS NULL OR cancelled_at IS NULL)
);
CREATE INDEX incoming_payments_page ON incoming_payments (wallet_address_id, created_at, id);
CREATE INDEX incoming_payments_tenant ON incoming_payments (tenant_id, created_at, id);

-- The ilp_ columns are set together for quotes delivered over Interledger.
CREATE TABLE quotes (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    wallet_address_id uuid NOT NULL REFERENCES wallet_addresses (id),
    asset_id uuid NOT NULL REFERENCES assets (id),
    receiver text NOT NULL,
    debit_amount bigint NOT NULL CHECK (debit_amount >= 0),
    debit_amount_minus_fees bigint NOT NULL CHECK (debit_amount_minus_fees BETWEEN 0 AND debit_amount),
    receive_amount bigint NOT NULL CHECK (receive_amount >= 0),
    receive_asset_code text NOT NULL,
    receive_asset_scale integer NOT NULL CHECK (receive_asset_scale BETWEEN 0 AND 255),
    estimated_rate text NOT NULL,
    ilp_max_packet_amount bigint,
    ilp_min_rate text,
    ilp_low_rate text,
    ilp_high_rate text,
    fee_id uuid REFERENCES fees (id),
    client text,
    expires_at bigint NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX quotes_page ON quotes (wallet_address_id, created_at, id);
CREATE INDEX quotes_tenant ON quotes (tenant_id, created_at, id);

-- The grants payments are made under, as introspection named them: the row that is locked while spending is counted.
CREATE TABLE outgoing_payment_grants (
    id text NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    created_at bigint NOT NULL
);

-- What was spent of a grant: one row for each of its periods, and one for its whole life with period_start −1.
CREATE TABLE outgoing_payment_grant_totals (
    grant_id text NOT NULL REFERENCES outgoing_payment_grants (id),
    period_start bigint NOT NULL,
    period_end bigint NOT NULL,
    debit_total bigint NOT NULL CHECK (debit_total >= 0),
    receive_total bigint NOT NULL CHECK (receive_total >= 0),
    debit_asset_code text NOT NULL,
    debit_asset_scale integer NOT NULL,
    receive_asset_code text NOT NULL,
    receive_asset_scale integer NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (grant_id, period_start)
);

CREATE TABLE outgoing_payments (
    id uuid NOT NULL PRIMARY KEY REFERENCES quotes (id),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    wallet_address_id uuid NOT NULL REFERENCES wallet_addresses (id),
    state text NOT NULL CHECK (state IN ('FUNDING', 'SENDING', 'COMPLETED', 'FAILED', 'CANCELLED')),
    error text,
    attempts bigint NOT NULL DEFAULT 0,
    client text,
    grant_id text REFERENCES outgoing_payment_grants (id),
    metadata text,
    initiated_by text NOT NULL CHECK (initiated_by IN ('CARD', 'OPEN_PAYMENTS', 'ADMIN')),
    data_to_transmit text,
    progress_debited bigint NOT NULL DEFAULT 0,
    progress_delivered bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);
CREATE INDEX outgoing_payments_page ON outgoing_payments (wallet_address_id, created_at, id);
CREATE INDEX outgoing_payments_tenant ON outgoing_payments (tenant_id, created_at, id);
CREATE INDEX outgoing_payments_grant ON outgoing_payments (grant_id, created_at) WHERE grant_id IS NOT NULL;

-- Packets of outgoing payments whose outcome is not counted yet, each written before it leaves and removed when the
-- payment's progress counts it: after a crash the same octets are sent again.
CREATE TABLE packets_in_flight (
    outgoing_payment_id uuid NOT NULL REFERENCES outgoing_payments (id) ON DELETE CASCADE,
    attempt uuid NOT NULL,
    sequence bigint NOT NULL,
    source_amount bigint NOT NULL CHECK (source_amount >= 0),
    prepare bytea NOT NULL,
    shared_secret bytea NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (outgoing_payment_id, attempt, sequence)
);

CREATE TABLE outgoing_payment_card_details (
    outgoing_payment_id uuid NOT NULL PRIMARY KEY REFERENCES outgoing_payments (id) ON DELETE CASCADE,
    request_id text NOT NULL,
    data text NOT NULL,
    initiated_at bigint NOT NULL
);

-- The journal behind the totals: what each payment reserved of its grant, and what it really spent once it ended.
CREATE TABLE outgoing_payment_grant_spendings (
    outgoing_payment_id uuid NOT NULL PRIMARY KEY REFERENCES outgoing_payments (id),
    grant_id text NOT NULL REFERENCES outgoing_payment_grants (id),
    period_start bigint,
    period_end bigint,
    reserved_debit bigint NOT NULL CHECK (reserved_debit >= 0),
    reserved_receive bigint NOT NULL CHECK (reserved_receive >= 0),
    actual_debit bigint CHECK (actual_debit >= 0),
    actual_receive bigint CHECK (actual_receive >= 0),
    created_at bigint NOT NULL,
    settled_at bigint
);
CREATE INDEX outgoing_payment_grant_spendings_grant ON outgoing_payment_grant_spendings (grant_id, created_at);

CREATE TABLE peers (
    id uuid NOT NULL PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    asset_id uuid NOT NULL REFERENCES assets (id),
    static_ilp_address text NOT NULL,
    outgoing_token text,
    outgoing_endpoint text,
    max_packet_amount bigint CHECK (max_packet_amount >= 0),
    name text,
    liquidity_threshold bigint CHECK (liquidity_threshold >= 0),
    routes text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    UNIQUE (asset_id, static_ilp_address),
    CHECK ((outgoing_token IS NULL) = (outgoing_endpoint IS NULL))
);
CREATE INDEX peers_page ON peers (tenant_id, created_at, id);

CREATE TABLE peer_http_tokens (
    token text NOT NULL PRIMARY KEY,
    peer_id uuid NOT NULL REFERENCES peers (id) ON DELETE CASCADE,
    created_at bigint NOT NULL
);
CREATE INDEX peer_http_tokens_peer ON peer_http_tokens (peer_id);

CREATE TABLE auth_servers (
    id uuid NOT NULL PRIMARY KEY,
    url text NOT NULL UNIQUE,
    created_at bigint NOT NULL
);

-- Grants this instance holds at other authorization servers. access_actions is a JSON list.
CREATE TABLE held_grants (
    id uuid NOT NULL PRIMARY KEY,
    auth_server_id uuid NOT NULL REFERENCES auth_servers (id),
    access_type text NOT NULL,
    access_actions text NOT NULL,
    access_token text NOT NULL UNIQUE,
    management_url text NOT NULL,
    continue_uri text,
    continue_token text,
    expires_at bigint,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint
);
CREATE INDEX held_grants_usable ON held_grants (auth_server_id, access_type) WHERE deleted_at IS NULL;

CREATE TABLE webhook_events (
    id uuid NOT NULL PRIMARY KEY,
    event_type text NOT NULL,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    data text NOT NULL,
    withdrawal_account_id uuid,
    withdrawal_asset_id uuid REFERENCES assets (id),
    withdrawal_amount bigint CHECK (withdrawal_amount > 0),
    incoming_payment_id uuid REFERENCES incoming_payments (id) ON DELETE CASCADE,
    outgoing_payment_id uuid REFERENCES outgoing_payments (id) ON DELETE CASCADE,
    wallet_address_id uuid REFERENCES wallet_addresses (id) ON DELETE CASCADE,
    peer_id uuid REFERENCES peers (id) ON DELETE CASCADE,
    asset_id uuid REFERENCES assets (id) ON DELETE CASCADE,
    created_at bigint NOT NULL,
    CHECK (
        (CASE WHEN incoming_payment_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN outgoing_payment_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN wallet_address_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN peer_id IS NULL THEN 0 ELSE 1 END)
        + (CASE WHEN asset_id IS NULL THEN 0 ELSE 1 END)
        = (CASE WHEN event_type = 'wallet_address.not_found' THEN 0 ELSE 1 END)
    ),
    CHECK (
        (withdrawal_account_id IS NULL) = (withdrawal_asset_id IS NULL)
        AND (withdrawal_account_id IS NULL) = (withdrawal_amount IS NULL)
    )
);
CREATE INDEX webhook_events_page ON webhook_events (tenant_id, created_at, id);
CREATE INDEX webhook_events_incoming ON webhook_events (incoming_payment_id, created_at) WHERE incoming_payment_id IS NOT NULL;
CREATE INDEX webhook_events_outgoing ON webhook_events (outgoing_payment_id, created_at) WHERE outgoing_payment_id IS NOT NULL;
CREATE INDEX webhook_events_wallet_address ON webhook_events (wallet_address_id, created_at) WHERE wallet_address_id IS NOT NULL;
CREATE INDEX webhook_events_peer ON webhook_events (peer_id, created_at) WHERE peer_id IS NOT NULL;
CREATE INDEX webhook_events_asset ON webhook_events (asset_id, created_at) WHERE asset_id IS NOT NULL;

CREATE TABLE webhook_deliveries (
    id uuid NOT NULL PRIMARY KEY,
    event_id uuid NOT NULL REFERENCES webhook_events (id) ON DELETE CASCADE,
    recipient text NOT NULL CHECK (recipient IN ('TENANT', 'CARD_SERVICE', 'POINT_OF_SALE_SERVICE')),
    recipient_tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    attempts bigint NOT NULL DEFAULT 0,
    status_code integer,
    state text NOT NULL CHECK (state IN ('PENDING', 'DELIVERED', 'EXHAUSTED')),
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CHECK ((recipient = 'TENANT') = (recipient_tenant_id IS NOT NULL))
);
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);
CREATE INDEX webhook_deliveries_exhausted ON webhook_deliveries (recipient_tenant_id, created_at) WHERE state = 'EXHAUSTED';
