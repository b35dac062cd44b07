CREATE TABLE wallet_cards (
    number text PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    wallet_address text NOT NULL,
    kind text NOT NULL,
    card_key text NOT NULL,
    pin_key text NOT NULL,
    pin text NOT NULL,
    pin_from bigint NOT NULL,
    state text NOT NULL,
    counter bigint,
    wrong_pins bigint NOT NULL
);

CREATE TABLE wallet_card_uses (
    payment_id uuid PRIMARY KEY,
    number text NOT NULL REFERENCES wallet_cards (number),
    unpredictable text,
    refusal text,
    used_at bigint NOT NULL,
    UNIQUE (number, unpredictable)
);
