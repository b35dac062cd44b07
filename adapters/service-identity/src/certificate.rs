//! The role of a caller, read from the certificate of its connection (RFC 5280 section 4.2.1.6).
//!
//! The listener has verified the certificate before: an authority of the operator has made it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clock::Timestamp;
use outbound_http::CertificateFacts;
use service_auth::{Service, ServiceRole};
use sha2::{Digest, Sha256};
use token_introspection::Refusal;

use crate::principal::Principal;

/// How a tenant is named in a certificate (RFC 9562 section 4).
const TENANT: &str = "urn:uuid:";

/// Host names that stand for roles, for certificates that have no URI of a role. Only the whole name counts: an
/// authority that certifies `backend.evil.example` for somebody must not make a backend of him.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleNames(Arc<[(String, ServiceRole)]>);

/// The certificate of a caller. Cheap to clone: each request gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerCertificate(Arc<Read>);

/// What is read of a certificate.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    role: Option<ServiceRole>,
    tenant: Option<String>,
    facts: CertificateFacts,
    expires_at: Timestamp,
    thumbprint: String,
}

impl RoleNames {
    /// These names.
    pub fn new(names: impl IntoIterator<Item = (ServiceRole, String)>) -> Self {
        Self(names.into_iter().map(|(role, host)| (normal(&host), role)).collect())
    }

    /// The role that the first certificate of a text in PEM names; `None` if it names none, or several.
    pub fn role_of_pem(&self, pem: &str) -> Option<ServiceRole> {
        named_role(&CertificateFacts::of_pem(pem)?, self).only()
    }

    /// Whether a server with this certificate may be the service. One that names no role is believed by its host name
    /// alone only if the service may be a program that is none of our roles.
    pub(crate) fn may_serve(&self, facts: &CertificateFacts, service: Service) -> Result<(), String> {
        let named = match named_role(facts, self) {
            Named::Nothing if service.may_be_another_program() => return Ok(()),
            Named::Role(role) if service.roles().contains(&role) => return Ok(()),
            Named::Nothing => "no role",
            Named::Role(role) => role.as_str(),
            Named::Contradiction => "several roles, or one that does not exist",
        };
        let expected: Vec<&str> = service.roles().iter().map(|role| role.as_str()).collect();
        Err(format!(
            "the server of {service} shows a certificate of {named}, not of {}; look at the URL, and at who has this \
             certificate; if its authority writes no URIs of roles, name its host in SERVICE_TLS_NAMES",
            expected.join(" or ")
        ))
    }

    fn role_of(&self, host: &str) -> Option<ServiceRole> {
        let host = normal(host);
        self.0.iter().find(|(own, _)| *own == host).map(|(_, role)| *role)
    }
}

/// Case does not count in host names, nor does the dot of the root at their end (RFC 9499 section 2).
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

impl CallerCertificate {
    /// Reads a verified certificate and its chain, all in DER; `None` if one of them cannot be read.
    pub fn of_chain<'d>(chain: impl IntoIterator<Item = &'d [u8]>, names: &RoleNames) -> Option<Self> {
        let mut chain = chain.into_iter();
        let own = chain.next()?;
        let facts = CertificateFacts::of_der(own)?;
        let mut expires_at = facts.expires_at;
        for above in chain {
            expires_at = expires_at.min(CertificateFacts::of_der(above)?.expires_at);
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(own));
        Some(Self::of(facts, expires_at, thumbprint, names))
    }

    fn of(facts: CertificateFacts, expires_at: Timestamp, thumbprint: String, names: &RoleNames) -> Self {
        let mut tenants = facts.uris.iter().filter_map(|uri| tenant_of(uri));
        let tenant = match (tenants.next(), tenants.next()) {
            (Some(only), None) => Some(only.to_ascii_lowercase()),
            // Nobody acts for several tenants at once.
            _ => None,
        };
        Self(Arc::new(Read { role: named_role(&facts, names).only(), tenant, facts, expires_at, thumbprint }))
    }

    /// Who calls `service`, with all rights that its role has there.
    pub fn principal(&self, service: Service) -> Result<Principal, Refusal> {
        let Some(role) = self.0.role else {
            tracing::warn!(
                subject = self.0.facts.subject,
                "the certificate of a caller names no role, or several; give it the URI urn:rafiki:role:<role>, or name \
                 its host in SERVICE_TLS_NAMES"
            );
            return Err(Refusal::InvalidToken);
        };
        let access = role.access().iter().filter(|(own, _)| *own == service);
        let scopes = access.flat_map(|(_, scopes)| scopes.iter().copied()).collect();
        Ok(Principal::new(role.as_str().to_owned(), self.0.tenant.clone(), scopes))
    }

    /// Whether it, or a certificate above it, has ended.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.0.expires_at < now
    }

    /// Its SHA-256 digest, to which tokens are bound (RFC 8705 section 3.1).
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// Whether it is for all of these hosts and URIs (RFC 8705 section 2.1.2). A name with a colon is a URI.
    pub fn is_for(&self, names: &[String]) -> bool {
        let has = |name: &String| {
            if name.contains(':') {
                return self.0.facts.uris.contains(name);
            }
            self.0.facts.hosts.iter().any(|host| normal(host) == normal(name))
        };
        !names.is_empty() && names.iter().all(has)
    }
}

/// The tenant that a URI names. The case of `urn:uuid:` does not count (RFC 8141 section 3.1).
fn tenant_of(uri: &str) -> Option<&str> {
    let (start, tenant) = uri.split_at_checked(TENANT.len())?;
    start.eq_ignore_ascii_case(TENANT).then_some(tenant)
}

/// What a certificate says about roles.
enum Named {
    /// Nothing.
    Nothing,
    /// This one.
    Role(ServiceRole),
    /// Several, though nobody is several roles at once, or one that is none of ours. It spoils the certificate.
    Contradiction,
}

impl Named {
    fn only(self) -> Option<ServiceRole> {
        match self {
            Self::Role(role) => Some(role),
            Self::Nothing | Self::Contradiction => None,
        }
    }
}

fn named_role(facts: &CertificateFacts, names: &RoleNames) -> Named {
    let by_uri = facts.uris.iter().filter_map(|uri| ServiceRole::of_urn(uri));
    let by_host = facts.hosts.iter().filter_map(|host| names.role_of(host)).map(Ok);
    let mut named = by_uri.chain(by_host);
    match named.next() {
        None => Named::Nothing,
        Some(Ok(first)) if named.all(|other| other == Ok(first)) => Named::Role(first),
        Some(_) => Named::Contradiction,
    }
}

#[cfg(test)]
mod tests {
    use service_auth::Scope;

    use super::*;

    const CARD: &str = "urn:rafiki:role:card-service";

    fn certificate_by(hosts: &[&str], uris: &[&str], names: &RoleNames) -> CallerCertificate {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expires_at = Timestamp::EPOCH;
        let facts = CertificateFacts {
            subject: String::new(),
            begins_at: expires_at,
            expires_at,
            hosts: owned(hosts),
            uris: owned(uris),
        };
        CallerCertificate::of(facts, expires_at, String::new(), names)
    }

    fn certificate(hosts: &[&str], uris: &[&str]) -> CallerCertificate {
        certificate_by(hosts, uris, &RoleNames::default())
    }

    #[test]
    fn a_role_has_its_rights_at_the_services_that_it_calls_and_none_elsewhere() {
        let tenant = "urn:uuid:438FA74A-fa7d-4317-9ced-dde32ece1787";
        let card = certificate(&["cards.internal", "localhost"], &[CARD, tenant]);
        let at_backend = card.principal(Service::BackendAdmin).unwrap();
        assert_eq!(at_backend.tenant.as_deref(), Some("438fa74a-fa7d-4317-9ced-dde32ece1787"));
        let spelled = certificate(&[], &[CARD, "URN:Uuid:438FA74A-fa7d-4317-9ced-dde32ece1787"]);
        assert_eq!(spelled.principal(Service::BackendAdmin).unwrap().tenant, at_backend.tenant);
        assert!(at_backend.has(Scope::CardsPay) && !at_backend.has(Scope::Admin));
        let elsewhere = card.principal(Service::AuthService).unwrap();
        assert_eq!(elsewhere.needs(&[Scope::TenantsWrite]), Err(Refusal::InsufficientScope));
    }

    #[test]
    fn a_certificate_without_a_role_proves_nothing_and_two_tenants_are_none() {
        assert_eq!(certificate(&["localhost"], &[]).principal(Service::Rates), Err(Refusal::InvalidToken));
        let two = certificate(&[], &["urn:rafiki:role:wallet", "urn:uuid:1", "urn:uuid:2"]);
        assert_eq!(two.principal(Service::BackendAdmin).unwrap().tenant, None);
        let spelled = certificate(&[], &["urn:rafiki:role:wallet", "urn:uuid:1", "URN:UUID:2"]);
        assert_eq!(spelled.principal(Service::BackendAdmin).unwrap().tenant, None, "in any spelling");
    }

    #[test]
    fn a_host_name_is_a_role_only_if_the_operator_says_so_and_only_the_whole_name() {
        let hosts = ["backend", "backend.bank.internal", "backend.evil.example", "console"];
        for host in hosts {
            assert_eq!(certificate(&[host], &[]).0.role, None, "{host}");
        }
        let names = RoleNames::new([
            (ServiceRole::Backend, "Backend.bank.internal".to_owned()),
            (ServiceRole::Auth, "login.bank.internal".to_owned()),
        ]);
        let role = |hosts: &[&str]| certificate_by(hosts, &[], &names).0.role;
        assert_eq!(role(&["localhost", "backend.BANK.internal."]), Some(ServiceRole::Backend));
        for foreign in [
            "backend.evil.example",
            "backend.bank.internal.evil.example",
            "x.backend.bank.internal",
            "*.bank.internal",
            "backend",
            "bank.internal",
            "",
        ] {
            assert_eq!(role(&[foreign]), None, "{foreign}");
        }
        assert_eq!(role(&["backend.bank.internal", "login.bank.internal"]), None, "nobody is two roles");
    }

    #[test]
    fn names_that_contradict_each_other_prove_nothing() {
        let names = RoleNames::new([(ServiceRole::Backend, "backend.internal".to_owned())]);
        let role = |hosts: &[&str], uris: &[&str]| certificate_by(hosts, uris, &names).0.role;
        assert_eq!(role(&["backend.internal"], &["urn:rafiki:role:backend"]), Some(ServiceRole::Backend));
        assert_eq!(role(&[], &[CARD, CARD]), Some(ServiceRole::CardService));
        for uris in [&["urn:rafiki:role:backend", CARD][..], &[CARD, "urn:rafiki:role:owner"], &["urn:rafiki:role:"]] {
            assert_eq!(role(&[], uris), None, "{uris:?}");
        }
        assert_eq!(role(&["backend.internal"], &[CARD]), None);
        assert_eq!(role(&["backend.internal"], &["urn:rafiki:role:owner"]), None);
    }

    #[test]
    fn a_client_is_known_by_all_of_its_names() {
        let own = certificate(&["Cards.internal"], &[CARD, "urn:uuid:1"]);
        let is_for = |names: &[&str]| own.is_for(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(is_for(&[CARD]) && is_for(&[CARD, "urn:uuid:1", "cards.internal"]));
        assert!(!is_for(&[CARD, "urn:uuid:2"]) && !is_for(&["internal"]) && !is_for(&["urn:uuid:"]));
        assert!(!is_for(&[]), "no name is nobody's");
    }
}
