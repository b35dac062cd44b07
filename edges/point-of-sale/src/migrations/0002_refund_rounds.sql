-- How often the refund was asked for again after it had failed. It is a part of the names of its payments.
ALTER TABLE pos_taps ADD COLUMN refund_round bigint NOT NULL DEFAULT 0;
