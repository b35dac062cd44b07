-- Whether money may leave an account. Both its owner and an operator can freeze it. closing: 'wanted' while it is not
-- decided yet, 'staying' while its address is being switched on again, 'closed' for good.
ALTER TABLE wallet_accounts ADD COLUMN frozen_by_owner_at bigint;
ALTER TABLE wallet_accounts ADD COLUMN frozen_by_operator_at bigint;
ALTER TABLE wallet_accounts ADD COLUMN frozen_because text;
ALTER TABLE wallet_accounts ADD COLUMN closing text;

-- Addresses that were switched off because their account is being closed.
CREATE TABLE wallet_closing_switched_off (
    address_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id)
);
