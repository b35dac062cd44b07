//! What is made of the files of certificates, and of lists of revoked ones. They are read again while the role runs, so
//! that a renewed certificate is shown, and a revoked one is refused, without a restart.
//!
//! Which files they are, and what they contain, `config` says. Files that cannot be used change nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use config::{Secret, ServiceAuth};
use http_kit::{ServiceTls, TlsFiles};
use outbound_http::{Outbound, PartyTls, RevokedCertificates};
use service_auth::{LinkWays, Ways};
use service_identity::{CertifiedClients, RoleNames};

use super::running::Stop;
use super::shared_deps::SharedDeps;
use crate::failure::Failure;

/// How often the files are read. They are small. A revoked certificate is refused after this time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is made of the files. All clones change together.
#[derive(Clone, Debug)]
pub(super) struct OfFiles {
    /// Asks the provider of tokens; `None` if this role has none.
    pub(super) to_provider: Option<Outbound>,
    /// Shows and checks certificates of the installation's roles; `None` if this role has no certificate.
    pub(super) certificates: Option<(CertifiedClients, ServiceTls)>,
}

impl OfFiles {
    /// Makes it of what the files contain.
    pub(super) fn make(service_auth: &ServiceAuth, deps: &SharedDeps) -> Result<Self, Failure> {
        let has_provider = service_auth.link_ways().any(Ways::tokens) || service_auth.has_provider();
        let to_provider = has_provider.then(|| to_provider(service_auth, deps)).transpose()?;
        let certificates = service_auth.has_certificate().then(|| of_certificates(service_auth, deps)).transpose()?;
        Ok(Self { to_provider, certificates })
    }

    /// Becomes `other`, which was made with the same settings of other files.
    fn become_other(&self, other: &Self) {
        if let (Some(own), Some(other)) = (&self.to_provider, &other.to_provider) {
            own.take_connections_of(other);
        }
        if let (Some((clients, tls)), Some((other_clients, other_tls))) = (&self.certificates, &other.certificates) {
            clients.become_other(other_clients);
            tls.become_other(other_tls);
        }
    }
}

/// Reads the files again and again.
#[derive(Clone)]
pub(super) struct Watch {
    /// The settings, with what the files contained when it was used.
    used: ServiceAuth,
    made: OfFiles,
    deps: SharedDeps,
    /// Why the present files are not used. It is told once.
    told: Option<String>,
}

/// What became of a look at the files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    /// They contain what is used.
    Unchanged,
    /// They have changed, and they are used now.
    Used,
    /// They cannot be used, so what they contained before is used on.
    Refused(String),
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    /// Of files of which `made` was made.
    pub(super) fn new(used: ServiceAuth, made: OfFiles, deps: SharedDeps) -> Self {
        Self { used, made, deps, told: None }
    }

    /// Reads them until `stop` resolves.
    pub(super) async fn run(mut self, stop: Stop) {
        let looks = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                self.look_and_tell();
            }
        };
        tokio::select! {
            () = stop => {}
            () = looks => {}
        }
    }

    fn look_and_tell(&mut self) {
        match self.look() {
            Look::Unchanged => self.told = None,
            Look::Used => {
                self.told = None;
                tracing::info!("the files of certificates have changed, and are used now");
            }
            Look::Refused(reason) if self.told.as_ref() == Some(&reason) => {}
            Look::Refused(reason) => {
                tracing::error!(
                    reason,
                    "the files of certificates have changed and cannot be used; what they contained before is used on"
                );
                self.told = Some(reason);
            }
        }
    }

    /// A certificate and its key may be written one after the other. So files that do not fit are looked at again.
    fn look(&mut self) -> Look {
        let present = match self.used.with_present_files() {
            Ok(Some(present)) => present,
            Ok(None) => return Look::Unchanged,
            Err(reason) => return Look::Refused(reason),
        };
        match OfFiles::make(&present, &self.deps) {
            Ok(made) => {
                self.made.become_other(&made);
                self.used = present;
                Look::Used
            }
            Err(failure) => Look::Refused(failure.to_string()),
        }
    }
}

/// The client that asks the provider: with the authorities that are believed about it, and with the certificate of this
/// role if that is its proof.
fn to_provider(service_auth: &ServiceAuth, deps: &SharedDeps) -> Result<Outbound, Failure> {
    let authorities = service_auth.provider_authorities_pem.as_ref().map(Secret::expose);
    let own = service_auth.certificate_pem.as_ref().zip(service_auth.tls_key_pem.as_ref());
    let own = own.filter(|_| service_auth.proves_by_certificate());
    let identity = own.map(|(certificate, key)| (certificate.expose(), key.expose()));
    if identity.is_none() && authorities.is_none() {
        return Ok(deps.http.clone());
    }
    let failed = |error: &dyn fmt::Display| Failure::start("OAUTH_CA_FILE and SERVICE_TLS_*_FILE", error);
    let party = PartyTls { identity, authorities }.read().map_err(|error| failed(&error))?;
    deps.http.with_tls(&party).map_err(|error| failed(&error))
}

/// Shows and checks certificates of the installation's roles.
fn of_certificates(service_auth: &ServiceAuth, deps: &SharedDeps) -> Result<(CertifiedClients, ServiceTls), Failure> {
    let text = |pem: &Option<Secret>| pem.as_ref().map(|pem| pem.expose().to_owned()).unwrap_or_default();
    let (certificate, key) = (text(&service_auth.certificate_pem), text(&service_auth.tls_key_pem));
    let authorities = text(&service_auth.authorities_pem);
    let failed = |error: &dyn fmt::Display| Failure::start("SERVICE_TLS_*_FILE", error);

    let party = PartyTls { identity: Some((&certificate, &key)), authorities: Some(&authorities) };
    let names = RoleNames::new(service_auth.role_names.iter().cloned());
    let revoked = revoked(service_auth)?;
    let clients = CertifiedClients::new(&deps.http, party, &names, &revoked).map_err(|error| failed(&error))?;
    if proves_nothing(&service_auth.link_ways(), &names, &certificate) {
        tracing::warn!(
            "the certificate in SERVICE_TLS_CERTIFICATE_FILE names no role, so services refuse it; give it the URI \
             urn:rafiki:role:<role>, or name its host in SERVICE_TLS_NAMES of every role"
        );
    }
    let files = TlsFiles { certificate: &certificate, key: &key, authorities: &authorities, revoked: &revoked };
    let tls = ServiceTls::new(files, names, Arc::clone(&deps.wall)).map_err(|error| failed(&error))?;
    Ok((clients, tls))
}

fn revoked(service_auth: &ServiceAuth) -> Result<RevokedCertificates, Failure> {
    let Some(pem) = &service_auth.revoked_pem else { return Ok(RevokedCertificates::default()) };
    RevokedCertificates::of_pem(pem.expose()).map_err(|error| Failure::start("SERVICE_TLS_REVOKED_FILE", error))
}

/// Whether the certificate is to prove who this role is, and does not. With tokens alone it need not: they say it.
fn proves_nothing(ways: &LinkWays, names: &RoleNames, certificate: &str) -> bool {
    ways.any(Ways::certificates) && names.role_of_pem(certificate).is_none()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::Router;
    use axum::routing::get;
    use config::{Environment, Mode};
    use http_kit::{Admission, ConnectionLimits, Deadlines, Need, Proxies, Serving, require_service};
    use outbound_http::Request;
    use service_auth::{Scope, Service, Wanted};
    use tempfile::TempDir;
    use testkit::{Certified, PrivateAuthority};

    use super::*;
    use crate::roles::identities::{Identities, identities};

    const FOR_EVER: (i32, u8, u8) = (3000, 1, 1);

    #[test]
    fn a_certificate_without_a_role_is_a_fault_only_where_certificates_count() {
        let authority = PrivateAuthority::default();
        let made = |names: &[&str]| authority.certify_as("a role", names, FOR_EVER).certificate;
        let (nameless, named) = (made(&["cards.internal"]), made(&["urn:rafiki:role:card-service"]));
        let told = |ways: Ways, pem: &str| proves_nothing(&ways.into(), &RoleNames::default(), pem);
        assert!(told(Ways::CERTIFICATE, &nameless) && told(Ways::TOKEN.and(Ways::CERTIFICATE), &nameless));
        assert!(!told(Ways::TOKEN, &nameless) && !told(Ways::CERTIFICATE, &named));
    }

    /// A role with its files.
    struct Role {
        folder: TempDir,
        identities: Identities,
        watch: Watch,
    }

    fn write(folder: &Path, name: &str, text: &str) -> String {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    impl Role {
        fn new(authority: &PrivateAuthority, role: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let own = certified(authority, role);
            let variables = [
                ("SERVICE_AUTH", "mtls".to_owned()),
                ("SERVICE_TLS_CERTIFICATE_FILE", write(folder.path(), "own.pem", &own.certificate)),
                ("SERVICE_TLS_KEY_FILE", write(folder.path(), "key.pem", &own.key)),
                ("SERVICE_TLS_AUTHORITIES_FILE", write(folder.path(), "authorities.pem", &authority.pem())),
                ("SERVICE_TLS_REVOKED_FILE", write(folder.path(), "revoked.pem", &authority.revoke(&[]))),
            ];
            let environment = Environment::of(variables.iter().map(|(name, value)| (*name, value.as_str())));
            let settings = ServiceAuth::from_environment(&environment).unwrap();
            let identities = identities(&settings, &SharedDeps::new(Mode::Test, &[]).unwrap()).unwrap();
            let watch = identities.watch.clone().unwrap();
            Self { folder, identities, watch }
        }

        fn write(&self, name: &str, text: &str) {
            write(self.folder.path(), name, text);
        }

        fn own(&self) -> Certified {
            let text = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
            Certified { certificate: text("own.pem"), key: text("key.pem") }
        }

        /// Serves exchange rates. The URL.
        async fn serve(&self) -> String {
            let clock: Arc<dyn clock::Clock> = Arc::new(clock::SystemClock);
            let need = Need { service: Service::Rates, scopes: &[Scope::RatesRead] };
            let callers = self.identities.readers_of_rates(&clock);
            let router = require_service(Router::new().route("/", get(async || "in")), callers, need);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
            let serving = Serving {
                deadlines: Deadlines::default(),
                admission: Admission::new(ConnectionLimits::default()),
                proxies: Proxies::None,
                tls: self.identities.tls.clone(),
            };
            tokio::spawn(http_kit::serve(listener, router, serving, std::future::pending()));
            url
        }

        /// The status that the role gets; `None` if there is no connection.
        async fn ask(&self, url: &str) -> Option<u16> {
            let deps = SharedDeps::new(Mode::Test, &[]).unwrap();
            let request = Request::get(url.parse().unwrap()).configured();
            let answer = self.identities.proofs.of(Wanted::RATES, None).send(&deps.http, request).await;
            answer.ok().map(|answer| answer.status.as_u16())
        }
    }

    fn certified(authority: &PrivateAuthority, role: &str) -> Certified {
        authority.certify_as(role, &["localhost", &format!("urn:rafiki:role:{role}")], FOR_EVER)
    }

    #[tokio::test]
    async fn a_certificate_that_is_revoked_or_renewed_in_its_file_counts_without_a_restart() {
        let authority = PrivateAuthority::default();
        let (mut rates, mut backend) = (Role::new(&authority, "rates"), Role::new(&authority, "backend"));
        let url = rates.serve().await;
        assert_eq!(backend.ask(&url).await, Some(200));
        assert_eq!((rates.watch.look(), backend.watch.look()), (Look::Unchanged, Look::Unchanged));

        // The certificate of the caller is revoked.
        rates.write("revoked.pem", &authority.revoke(&[&backend.own()]));
        assert_eq!(rates.watch.look(), Look::Used);
        assert_ne!(backend.ask(&url).await, Some(200), "its connection is open, and proves nothing any more");

        // The caller gets another one. Its key is written later.
        let renewed = certified(&authority, "backend");
        backend.write("own.pem", &renewed.certificate);
        let Look::Refused(reason) = backend.watch.look() else { panic!("the key is another certificate's") };
        assert!(reason.contains("SERVICE_TLS_*_FILE"), "{reason}");
        assert_ne!(backend.ask(&url).await, Some(200));
        backend.write("key.pem", &renewed.key);
        assert_eq!(backend.watch.look(), Look::Used);
        assert_eq!(backend.ask(&url).await, Some(200));

        // The same for the certificate of the called.
        backend.write("revoked.pem", &authority.revoke(&[&rates.own()]));
        assert_eq!(backend.watch.look(), Look::Used);
        assert_eq!(backend.ask(&url).await, None);
        let renewed = certified(&authority, "rates");
        rates.write("own.pem", &renewed.certificate);
        rates.write("key.pem", &renewed.key);
        assert_eq!(rates.watch.look(), Look::Used);
        assert_eq!(backend.ask(&url).await, Some(200));
    }

    #[tokio::test]
    async fn files_that_cannot_be_used_change_nothing() {
        let authority = PrivateAuthority::default();
        let (mut rates, backend) = (Role::new(&authority, "rates"), Role::new(&authority, "backend"));
        let url = rates.serve().await;
        for (name, wrong) in [("revoked.pem", "no list"), ("authorities.pem", "")] {
            let right = std::fs::read_to_string(rates.folder.path().join(name)).unwrap();
            rates.write(name, wrong);
            assert!(matches!(rates.watch.look(), Look::Refused(_)), "{name}");
            assert_eq!(backend.ask(&url).await, Some(200), "{name}");
            std::fs::remove_file(rates.folder.path().join(name)).unwrap();
            assert!(matches!(rates.watch.look(), Look::Refused(_)), "{name} is missing");
            assert_eq!(backend.ask(&url).await, Some(200), "{name} is missing");
            rates.write(name, &right);
        }
        assert_eq!(rates.watch.look(), Look::Unchanged);
    }
}
