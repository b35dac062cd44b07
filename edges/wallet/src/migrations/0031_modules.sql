-- The modules of the wallet may run as processes of their own, each with a database of its own. So the tables of one
-- module do not refer to those of another: users, agreements, and accounts with payments.
CREATE TABLE wallet_unasked_limits_new (
    account_id uuid PRIMARY KEY,
    amount bigint NOT NULL
);
INSERT INTO wallet_unasked_limits_new (account_id, amount) SELECT account_id, amount FROM wallet_unasked_limits;
DROP TABLE wallet_unasked_limits;
ALTER TABLE wallet_unasked_limits_new RENAME TO wallet_unasked_limits;

CREATE TABLE wallet_consents_new (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    interaction text NOT NULL,
    nonce text NOT NULL,
    client_name text NOT NULL,
    client_uri text NOT NULL,
    grant_id text,
    decision text,
    opened_at bigint NOT NULL,
    decided_at bigint,
    UNIQUE (user_id, interaction)
);
INSERT INTO wallet_consents_new
    (id, user_id, interaction, nonce, client_name, client_uri, grant_id, decision, opened_at, decided_at)
SELECT id, user_id, interaction, nonce, client_name, client_uri, grant_id, decision, opened_at, decided_at
FROM wallet_consents;
DROP TABLE wallet_consents;
ALTER TABLE wallet_consents_new RENAME TO wallet_consents;

CREATE TABLE wallet_agreements_new (
    grant_id text NOT NULL,
    account_id uuid NOT NULL,
    state text NOT NULL,
    payment_max bigint,
    day_max bigint,
    ends_at bigint,
    PRIMARY KEY (grant_id, account_id)
);
INSERT INTO wallet_agreements_new (grant_id, account_id, state, payment_max, day_max, ends_at)
SELECT grant_id, account_id, state, payment_max, day_max, ends_at FROM wallet_agreements;
DROP TABLE wallet_agreements;
ALTER TABLE wallet_agreements_new RENAME TO wallet_agreements;

CREATE TABLE wallet_agreement_uses_new (
    payment_id uuid PRIMARY KEY,
    grant_id text NOT NULL,
    account_id uuid NOT NULL,
    counts bigint NOT NULL,
    refusal text,
    made_at bigint NOT NULL,
    ended_at bigint
);
INSERT INTO wallet_agreement_uses_new (payment_id, grant_id, account_id, counts, refusal, made_at, ended_at)
SELECT payment_id, grant_id, account_id, counts, refusal, made_at, ended_at FROM wallet_agreement_uses;
DROP TABLE wallet_agreement_uses;
ALTER TABLE wallet_agreement_uses_new RENAME TO wallet_agreement_uses;
CREATE INDEX wallet_agreement_uses_day ON wallet_agreement_uses (grant_id, account_id, made_at);

CREATE TABLE wallet_sends_new (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
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
INSERT INTO wallet_sends_new (id, user_id, account_id, payee, payee_kind, payee_name, payee_code, payee_scale, asked,
    state, quote_id, receiver, debit, receives, fee, fixed, note, expires_at, refusal, begun_at)
SELECT id, user_id, account_id, payee, payee_kind, payee_name, payee_code, payee_scale, asked,
    state, quote_id, receiver, debit, receives, fee, fixed, note, expires_at, refusal, begun_at
FROM wallet_sends;
DROP TABLE wallet_sends;
ALTER TABLE wallet_sends_new RENAME TO wallet_sends;
CREATE INDEX wallet_sends_user ON wallet_sends (user_id, begun_at);

CREATE TABLE wallet_requests_new (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    payment_id uuid NOT NULL UNIQUE,
    url text NOT NULL,
    amount bigint,
    note text,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    closed_at bigint,
    empty_at bigint
);
INSERT INTO wallet_requests_new
    (id, user_id, account_id, payment_id, url, amount, note, made_at, expires_at, closed_at, empty_at)
SELECT id, user_id, account_id, payment_id, url, amount, note, made_at, expires_at, closed_at, empty_at
FROM wallet_requests;
DROP TABLE wallet_requests;
ALTER TABLE wallet_requests_new RENAME TO wallet_requests;
CREATE INDEX wallet_requests_user ON wallet_requests (user_id, made_at, id);

CREATE TABLE wallet_begun_requests_new (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL REFERENCES wallet_accounts (id),
    amount bigint,
    note text,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
INSERT INTO wallet_begun_requests_new (id, user_id, account_id, amount, note, made_at, expires_at)
SELECT id, user_id, account_id, amount, note, made_at, expires_at FROM wallet_begun_requests;
DROP TABLE wallet_begun_requests;
ALTER TABLE wallet_begun_requests_new RENAME TO wallet_begun_requests;
CREATE INDEX wallet_begun_requests_user ON wallet_begun_requests (user_id, made_at);

CREATE TABLE wallet_contacts_new (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    url text NOT NULL,
    name text NOT NULL,
    used_at bigint NOT NULL,
    UNIQUE (user_id, url)
);
INSERT INTO wallet_contacts_new (id, user_id, url, name, used_at)
SELECT id, user_id, url, name, used_at FROM wallet_contacts;
DROP TABLE wallet_contacts;
ALTER TABLE wallet_contacts_new RENAME TO wallet_contacts;

CREATE TABLE wallet_switched_off_new (
    address_id uuid PRIMARY KEY,
    user_id uuid NOT NULL
);
INSERT INTO wallet_switched_off_new (address_id, user_id) SELECT address_id, user_id FROM wallet_switched_off;
DROP TABLE wallet_switched_off;
ALTER TABLE wallet_switched_off_new RENAME TO wallet_switched_off;

CREATE TABLE wallet_own_switched_off_new (
    address_id uuid PRIMARY KEY,
    user_id uuid NOT NULL
);
INSERT INTO wallet_own_switched_off_new (address_id, user_id)
SELECT address_id, user_id FROM wallet_own_switched_off;
DROP TABLE wallet_own_switched_off;
ALTER TABLE wallet_own_switched_off_new RENAME TO wallet_own_switched_off;

CREATE TABLE wallet_closing_switched_off_new (
    address_id uuid PRIMARY KEY,
    user_id uuid NOT NULL
);
INSERT INTO wallet_closing_switched_off_new (address_id, user_id)
SELECT address_id, user_id FROM wallet_closing_switched_off;
DROP TABLE wallet_closing_switched_off;
ALTER TABLE wallet_closing_switched_off_new RENAME TO wallet_closing_switched_off;
