//! The role of a caller, read from the certificate of its connection (RFC 5280 section 4.2.1.6).
//!
//! The listener has verified the certificate before: an authority of the operator has made it.

use outbound_http::CertificateFacts;
use service_auth::{Service, ServiceRole};
use token_introspection::Refusal;

use crate::judge::Principal;

/// How a tenant is named in a certificate (RFC 9562 section 4).
const TENANT: &str = "urn:uuid:";

/// The certificate of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerCertificate {
    roles: Vec<ServiceRole>,
    tenant: Option<String>,
    subject: String,
}

impl CallerCertificate {
    /// Reads a verified certificate in DER; `None` if it cannot be read.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        CertificateFacts::of_der(der).map(Self::of)
    }

    fn of(facts: CertificateFacts) -> Self {
        let roles = facts.hosts.iter().filter_map(|name| ServiceRole::of_host(name)).collect();
        let mut tenants = facts.uris.iter().filter_map(|uri| uri.strip_prefix(TENANT));
        let tenant = match (tenants.next(), tenants.next()) {
            (Some(only), None) => Some(only.to_ascii_lowercase()),
            // Nobody acts for several tenants at once.
            _ => None,
        };
        Self { roles, tenant, subject: facts.subject }
    }

    /// Who calls `service`, with all rights that its role has there.
    pub fn principal(&self, service: Service) -> Result<Principal, Refusal> {
        if self.roles.is_empty() {
            tracing::warn!(subject = self.subject, "the certificate of a caller names no role");
            return Err(Refusal::InvalidToken);
        }
        let access = self.roles.iter().flat_map(|role| role.access());
        let scopes = access.filter(|(own, _)| *own == service).flat_map(|(_, scopes)| scopes.iter().copied());
        let roles: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        Ok(Principal::new(roles.join(" "), self.tenant.clone(), scopes.collect()))
    }
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use service_auth::Scope;

    use super::*;

    fn certificate(hosts: &[&str], uris: &[&str]) -> CallerCertificate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expires_at = Timestamp::EPOCH;
        CallerCertificate::of(CertificateFacts {
            subject: String::new(),
            expires_at,
            hosts: owned(hosts),
            uris: owned(uris),
        })
    }

    #[test]
    fn a_role_has_its_rights_at_the_services_that_it_calls_and_none_elsewhere() {
        let tenant = "urn:uuid:438FA74A-fa7d-4317-9ced-dde32ece1787";
        let card = certificate(&["card-service.internal", "localhost"], &[tenant]);
        let at_backend = card.principal(Service::BackendAdmin).unwrap();
        assert_eq!(at_backend.tenant.as_deref(), Some("438fa74a-fa7d-4317-9ced-dde32ece1787"));
        assert!(at_backend.has(Scope::CardsPay) && !at_backend.has(Scope::Admin));
        let elsewhere = card.principal(Service::AuthService).unwrap();
        assert_eq!(elsewhere.needs(&[Scope::TenantsWrite]), Err(Refusal::InsufficientScope));
    }

    #[test]
    fn a_certificate_without_a_role_proves_nothing_and_two_tenants_are_none() {
        assert_eq!(certificate(&["localhost"], &[]).principal(Service::Rates), Err(Refusal::InvalidToken));
        let two = certificate(&["wallet"], &["urn:uuid:1", "urn:uuid:2"]);
        assert_eq!(two.principal(Service::BackendAdmin).unwrap().tenant, None);
    }
}
