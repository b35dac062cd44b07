-- The lists of the operator have no tenant, so the indexes that begin with a tenant do not order them. Without these, each
-- page reads and sorts a whole table.
CREATE INDEX IF NOT EXISTS incoming_payments_list ON incoming_payments (created_at, id);
CREATE INDEX IF NOT EXISTS outgoing_payments_list ON outgoing_payments (created_at, id);
CREATE INDEX IF NOT EXISTS quotes_list ON quotes (created_at, id);
CREATE INDEX IF NOT EXISTS wallet_addresses_list ON wallet_addresses (created_at, id);
CREATE INDEX IF NOT EXISTS webhook_events_list ON webhook_events (created_at, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_list ON webhook_deliveries (created_at, id);

-- What operators look for is rare. These find it without reading what went well, and what went well is not in them.
CREATE INDEX IF NOT EXISTS webhook_events_rare ON webhook_events (event_type, created_at, id) WHERE event_type NOT IN (
    'incoming_payment.created', 'incoming_payment.completed',
    'outgoing_payment.created', 'outgoing_payment.funded', 'outgoing_payment.completed'
);
CREATE INDEX IF NOT EXISTS webhook_deliveries_open ON webhook_deliveries (created_at, id) WHERE state <> 'DELIVERED';
