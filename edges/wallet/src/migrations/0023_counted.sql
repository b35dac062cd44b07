-- What the instance counts of a payment for the limits of its grant, as it said after the payment's end.
ALTER TABLE wallet_movements ADD COLUMN counted_debit bigint;
ALTER TABLE wallet_movements ADD COLUMN counted_receive bigint;
