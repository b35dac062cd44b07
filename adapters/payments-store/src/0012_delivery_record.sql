-- What became of a payment's packets, as JSON; null: nothing was noted. Written by the update that ends an attempt.
ALTER TABLE outgoing_payments ADD COLUMN delivery_record text;
