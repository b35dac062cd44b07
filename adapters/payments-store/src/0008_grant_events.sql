-- The grant that an event is about.
ALTER TABLE webhook_events ADD COLUMN grant_id uuid;
