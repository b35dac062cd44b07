-- Addresses that were switched off because their customer leaves. If the wallet stays open after all, they are switched
-- on again, and no others.
CREATE TABLE wallet_switched_off (
    address_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id)
);

-- When the instance has said that the request ended without money.
ALTER TABLE wallet_requests ADD COLUMN empty_at bigint;
