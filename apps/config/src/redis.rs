//! Where Redis is, for the roles that share a cache.
//! What is stored there is in `shared-cache`.

use crate::Secret;
use crate::reader::Reader;

/// Where Redis is.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `REDIS_URL`: `redis://…` or `rediss://…`. If it is unset, processes share values in a table of the database.
    pub url: Secret,
    /// Content of `REDIS_TLS_CA_FILE_PATH`.
    pub ca_pem: Option<Secret>,
    /// Content of `REDIS_TLS_KEY_FILE_PATH`.
    pub key_pem: Option<Secret>,
    /// Content of `REDIS_TLS_CERT_FILE_PATH`.
    pub certificate_pem: Option<Secret>,
}

impl RedisSettings {
    /// The settings, if `REDIS_URL` is set.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let ca_pem = reader.file("REDIS_TLS_CA_FILE_PATH");
        let key_pem = reader.file("REDIS_TLS_KEY_FILE_PATH");
        let certificate_pem = reader.file("REDIS_TLS_CERT_FILE_PATH");
        let url = reader.secret("REDIS_URL")?;
        if !["redis://", "rediss://", "redis+unix://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
            reader.problem("REDIS_URL", "must begin with redis://, rediss:// or redis+unix://");
        }
        Some(Self { url, ca_pem, key_pem, certificate_pem })
    }
}
