-- Addresses that their customers switched off. They switch on only those, and none that the operator switched off.
CREATE TABLE wallet_own_switched_off (
    address_id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES wallet_users (id)
);
