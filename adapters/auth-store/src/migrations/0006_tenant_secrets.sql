-- Secrets that were replaced, and until when they are good beside their successors.
ALTER TABLE tenants ADD COLUMN old_api_secret text;
ALTER TABLE tenants ADD COLUMN old_api_secret_until bigint;
ALTER TABLE tenants ADD COLUMN old_idp_secret_hash bytea;
ALTER TABLE tenants ADD COLUMN old_idp_secret_until bigint;
