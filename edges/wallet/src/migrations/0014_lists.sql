-- The payments under a grant, and what they have used of it.
CREATE INDEX wallet_movements_grant ON wallet_movements (grant_id, made_at, id) WHERE grant_id IS NOT NULL;
