-- What operators did here. Rows are only added. Each has a hash of the one before.
CREATE TABLE wallet_operator_acts (
    number bigint PRIMARY KEY,
    act uuid NOT NULL,
    stage text NOT NULL,
    made_at bigint NOT NULL,
    user_id uuid NOT NULL,
    person text NOT NULL,
    address text NOT NULL,
    deed text NOT NULL,
    target uuid NOT NULL,
    name text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    said text NOT NULL,
    chain text NOT NULL,
    UNIQUE (act, stage)
);

CREATE INDEX wallet_operator_acts_target ON wallet_operator_acts (target, number);

-- The events that told of low liquidity, and what was done about each. Without an answer the event is not handled yet.
CREATE TABLE wallet_low_liquidity (
    event_id uuid PRIMARY KEY,
    resource_id uuid NOT NULL,
    kind text NOT NULL,
    asset_code text NOT NULL,
    asset_scale bigint NOT NULL,
    threshold text,
    balance text,
    answer text NOT NULL,
    amount bigint NOT NULL,
    told_at bigint NOT NULL
);

CREATE INDEX wallet_low_liquidity_time ON wallet_low_liquidity (told_at);
CREATE INDEX wallet_low_liquidity_resource ON wallet_low_liquidity (resource_id, told_at);

-- The income from fees, by days.
CREATE INDEX wallet_movements_fees ON wallet_movements (ended_at) WHERE fee > 0;
