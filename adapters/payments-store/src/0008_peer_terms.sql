-- How much a peer may send and is sent, as JSON; null: as the instance is set.
ALTER TABLE peers ADD COLUMN terms text;
