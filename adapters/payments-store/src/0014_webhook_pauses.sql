-- Since when nothing is sent to an endpoint; null: events are sent. Its jobs look at this row before they wait, so that
-- none of them waits for an endpoint that was resumed meanwhile.
ALTER TABLE webhook_endpoints ADD COLUMN paused_at bigint;
