-- Accounts and payments may run as processes of their own, each with a database of its own. So the tables of payments do
-- not refer to those of accounts, and each keeps what it shows of the other.

-- Accounts: the name that the payee published is beside the movement.
ALTER TABLE wallet_movements ADD COLUMN payee_name text;
UPDATE wallet_movements SET payee_name = (
    SELECT s.payee_name FROM wallet_sends s JOIN wallet_accounts a ON a.user_id = s.user_id
    WHERE s.quote_id = wallet_movements.id AND a.id = wallet_movements.account_id
) WHERE kind = 'sent';

-- Payments.
CREATE TABLE wallet_sends_apart (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    payee text NOT NULL,
    payee_kind text NOT NULL,
    payee_name text,
    payee_code text NOT NULL,
    payee_scale bigint NOT NULL,
    asked bigint,
    state text NOT NULL,
    quote_id uuid UNIQUE,
    receiver text,
    debit bigint,
    receives bigint,
    fee bigint,
    fixed text,
    note text,
    expires_at bigint,
    refusal text,
    begun_at bigint NOT NULL
);
INSERT INTO wallet_sends_apart (id, user_id, account_id, payee, payee_kind, payee_name, payee_code, payee_scale, asked,
    state, quote_id, receiver, debit, receives, fee, fixed, note, expires_at, refusal, begun_at)
SELECT id, user_id, account_id, payee, payee_kind, payee_name, payee_code, payee_scale, asked,
    state, quote_id, receiver, debit, receives, fee, fixed, note, expires_at, refusal, begun_at
FROM wallet_sends;
DROP TABLE wallet_sends;
ALTER TABLE wallet_sends_apart RENAME TO wallet_sends;
CREATE INDEX wallet_sends_user ON wallet_sends (user_id, begun_at);

-- came: what was credited for it.
CREATE TABLE wallet_requests_apart (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    account_name text NOT NULL,
    asset_code text NOT NULL,
    asset_scale bigint NOT NULL,
    payment_id uuid NOT NULL UNIQUE,
    url text NOT NULL,
    amount bigint,
    note text,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    closed_at bigint,
    empty_at bigint,
    came bigint
);
INSERT INTO wallet_requests_apart (id, user_id, account_id, account_name, asset_code, asset_scale, payment_id, url, amount,
    note, made_at, expires_at, closed_at, empty_at, came)
SELECT r.id, r.user_id, r.account_id, a.name, a.asset_code, a.asset_scale, r.payment_id, r.url, r.amount, r.note,
    r.made_at, r.expires_at, r.closed_at, r.empty_at, m.amount
FROM wallet_requests r JOIN wallet_accounts a ON a.id = r.account_id
LEFT JOIN wallet_movements m ON m.id = r.payment_id;
DROP TABLE wallet_requests;
ALTER TABLE wallet_requests_apart RENAME TO wallet_requests;
CREATE INDEX wallet_requests_user ON wallet_requests (user_id, made_at, id);

CREATE TABLE wallet_begun_requests_apart (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    amount bigint,
    note text,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
INSERT INTO wallet_begun_requests_apart (id, user_id, account_id, amount, note, made_at, expires_at)
SELECT id, user_id, account_id, amount, note, made_at, expires_at FROM wallet_begun_requests;
DROP TABLE wallet_begun_requests;
ALTER TABLE wallet_begun_requests_apart RENAME TO wallet_begun_requests;
CREATE INDEX wallet_begun_requests_user ON wallet_begun_requests (user_id, made_at);

-- Requests of one user are begun one after the other. A row of this table is their lock.
CREATE TABLE wallet_requesters (
    user_id uuid PRIMARY KEY
);

CREATE TABLE wallet_cards_apart (
    number text PRIMARY KEY,
    account_id uuid NOT NULL,
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
INSERT INTO wallet_cards_apart (number, account_id, wallet_address, kind, card_key, pin_key, pin, pin_from, state, counter,
    wrong_pins)
SELECT number, account_id, wallet_address, kind, card_key, pin_key, pin, pin_from, state, counter, wrong_pins
FROM wallet_cards;
CREATE TABLE wallet_card_uses_apart (
    payment_id uuid PRIMARY KEY,
    number text NOT NULL REFERENCES wallet_cards_apart (number),
    unpredictable text,
    refusal text,
    used_at bigint NOT NULL,
    UNIQUE (number, unpredictable)
);
INSERT INTO wallet_card_uses_apart (payment_id, number, unpredictable, refusal, used_at)
SELECT payment_id, number, unpredictable, refusal, used_at FROM wallet_card_uses;
DROP TABLE wallet_card_uses;
DROP TABLE wallet_cards;
ALTER TABLE wallet_cards_apart RENAME TO wallet_cards;
ALTER TABLE wallet_card_uses_apart RENAME TO wallet_card_uses;
