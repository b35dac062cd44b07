-- The digest of the certificate that a token of a service is bound to (RFC 8705).
ALTER TABLE service_tokens ADD COLUMN certificate text;
