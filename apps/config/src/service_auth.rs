//! How a role proves to other services who it is, and how it checks their proofs.
//! The clients of the built-in issuer are in the section of the authorization server.

use std::collections::BTreeMap;

use serde::Deserialize;
use service_auth::{LinkWays, Scope, Service, ServiceRole, Ways};
use url::Url;

use crate::reader::{ConfigError, Reader};
use crate::{Environment, Secret};

/// How services prove who they are.
#[derive(Clone, Debug)]
pub struct ServiceAuth {
    /// `SERVICE_AUTH`: the accepted proofs: `hmac` (shared secrets, as Rafiki 2.4), `token` (tokens of a provider), `mtls`
    /// (certificates), or several of them, such as `hmac,token`. With several, this role shows its certificate where it
    /// calls `https`, and a token rather than a secret; other services may show any of them.
    pub ways: Ways,
    /// `SERVICE_AUTH_LINKS`: other proofs of single links, by the service that is called:
    /// `auth-introspection=mtls, rates=hmac+token`. Set them at the caller and at the service.
    pub links: Vec<(Service, Ways)>,
    /// The content of `SERVICE_TLS_CERTIFICATE_FILE`: the certificate of this role with its chain (PEM). It is shown to
    /// services and to callers. A URI in it names the role: `urn:rafiki:role:card-service`. Another one,
    /// `urn:uuid:<tenant id>`, names the tenant that wallet, card service and point of sale act for.
    pub certificate_pem: Option<Secret>,
    /// The content of `SERVICE_TLS_KEY_FILE`: the private key of this certificate (PEM).
    pub tls_key_pem: Option<Secret>,
    /// The content of `SERVICE_TLS_AUTHORITIES_FILE`: the authorities that certify the roles of this installation (PEM).
    /// They should certify nothing else. Several are believed while one replaces another. One that has ended stops the
    /// start.
    pub authorities_pem: Option<Secret>,
    /// The content of `SERVICE_TLS_REVOKED_FILE`: lists of certificates that these authorities have revoked (CRL, PEM). This
    /// file and the other files of certificates are read again while the role runs, every ten seconds.
    pub revoked_pem: Option<Secret>,
    /// `SERVICE_TLS_NAMES`: host names that stand for roles, for certificates of callers that have no URI of a role:
    /// `backend=backend.bank.internal, auth=login.bank.internal`. Only the whole name counts. Without this setting a host
    /// name says nothing about a role.
    pub role_names: Vec<(ServiceRole, String)>,
    /// `OAUTH_ISSUER`: the provider of tokens. Its endpoints are read from its metadata (RFC 8414).
    pub issuer: Option<Url>,
    /// The same as it is written, for assertions of this client.
    pub issuer_name: Option<String>,
    /// `OAUTH_TOKEN_URL`: where tokens are issued, if the provider has no metadata.
    pub token_url: Option<Url>,
    /// `OAUTH_INTROSPECTION_URL`: where tokens are introspected, if the metadata does not say it.
    pub introspection_url: Option<Url>,
    /// `OAUTH_JWKS_URL`: where the provider's public keys are, if the metadata does not say it.
    pub keys_url: Option<Url>,
    /// `OAUTH_CLIENT_ID`: the name of this role at the provider. Give each role a client of its own.
    pub client_id: Option<String>,
    /// `OAUTH_CLIENT_SECRET`: the secret of this client.
    pub client_secret: Option<Secret>,
    /// `OAUTH_CLIENT_SECRET_METHOD`: `basic` (default) sends the secret in the header `Authorization`, `post` in the form.
    pub secret_method: SecretMethod,
    /// The content of `OAUTH_PRIVATE_KEY_FILE` (PEM, PKCS #8; Ed25519 or P-256), with which this client proves itself
    /// instead of a secret (`private_key_jwt`). A client with neither proves itself with the certificate of
    /// `SERVICE_TLS_CERTIFICATE_FILE` (`tls_client_auth`, RFC 8705); its tokens are bound to this certificate.
    pub private_key_pem: Option<Secret>,
    /// The content of `OAUTH_CA_FILE`: the only authorities that are believed about the provider (PEM). Without it, they are
    /// those of the machine.
    pub provider_authorities_pem: Option<Secret>,
    /// `OAUTH_KEY_ID`: the name of this key at the provider.
    pub key_id: Option<String>,
    /// `OAUTH_VALIDATION`: how tokens of callers are checked: `introspect` (default) asks the provider each time, `jwt`
    /// checks the signature of the token here, `jwt+introspect` does both.
    pub validation: TokenValidation,
    /// `OAUTH_TENANT_CLAIM`: the claim of a token that names the tenant of its client. It may be a standard one, such as
    /// `sub`.
    pub tenant_claim: String,
    /// `OAUTH_AUDIENCES`: other names of services at the provider: `backend-admin=https://…, rates=…`. A URL is sent as
    /// `resource` (RFC 8707).
    pub audiences: Vec<(Service, String)>,
    /// `OAUTH_SCOPES`: other names of scopes at the provider: `cards:pay=rafiki.cards, operator=rafiki.all`. They are asked
    /// for, and demanded of callers. With the name of a service instead of a scope, they say what to ask for there:
    /// `backend-admin=payments:write liquidity:write`.
    pub scopes: Vec<(Service, String)>,
    /// The other names of single scopes.
    pub renamed_scopes: Vec<(Scope, String)>,
    /// Where the files of certificates are, so that they can be read again.
    certificate_files: Vec<(CertificateFile, String)>,
}

/// A file that is read again while a role runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CertificateFile {
    Certificate,
    Key,
    Authorities,
    Revoked,
    ProviderAuthorities,
}

impl CertificateFile {
    const ALL: [Self; 5] = [Self::Certificate, Self::Key, Self::Authorities, Self::Revoked, Self::ProviderAuthorities];

    /// The variable that names it.
    const fn variable(self) -> &'static str {
        match self {
            Self::Certificate => "SERVICE_TLS_CERTIFICATE_FILE",
            Self::Key => "SERVICE_TLS_KEY_FILE",
            Self::Authorities => "SERVICE_TLS_AUTHORITIES_FILE",
            Self::Revoked => "SERVICE_TLS_REVOKED_FILE",
            Self::ProviderAuthorities => "OAUTH_CA_FILE",
        }
    }
}

/// Where the secret of a client is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretMethod {
    /// In the header `Authorization`.
    Basic,
    /// In the form.
    Post,
}

/// How tokens of callers are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenValidation {
    /// The provider is asked.
    Introspect,
    /// The signature is checked.
    Jwt,
    /// Both.
    JwtAndIntrospect,
}

/// A client of the built-in issuer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceClient {
    /// Its name.
    pub client_id: String,
    /// Hashes of its secrets (Argon2id).
    #[serde(default)]
    pub secret_hashes: Vec<String>,
    /// The hosts and URIs that its certificate has, all of them. Then it may prove itself with this certificate.
    #[serde(default)]
    pub certificate_names: Vec<String>,
    /// The tenant that it acts for.
    pub tenant: Option<String>,
    /// What it may ask for, by service.
    #[serde(default)]
    pub access: BTreeMap<String, Vec<String>>,
    /// The services that it is.
    #[serde(default)]
    pub serves: Vec<String>,
}

impl ServiceAuth {
    /// Only this section, for a command at a terminal.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let section = Self::read(&mut reader);
        reader.finish(Some(section))
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Self {
        let methods = [("basic", SecretMethod::Basic), ("post", SecretMethod::Post)];
        let validations = [
            ("introspect", TokenValidation::Introspect),
            ("jwt", TokenValidation::Jwt),
            ("jwt+introspect", TokenValidation::JwtAndIntrospect),
        ];
        let (scopes, renamed_scopes) = read_scopes(r);
        let read = Self {
            ways: r.parsed("SERVICE_AUTH").unwrap_or_default(),
            links: read_links(r),
            certificate_pem: r.file("SERVICE_TLS_CERTIFICATE_FILE"),
            tls_key_pem: r.file("SERVICE_TLS_KEY_FILE"),
            authorities_pem: r.file("SERVICE_TLS_AUTHORITIES_FILE"),
            revoked_pem: r.file("SERVICE_TLS_REVOKED_FILE"),
            role_names: read_role_names(r),
            issuer: r.url("OAUTH_ISSUER"),
            issuer_name: r.text("OAUTH_ISSUER"),
            token_url: r.url("OAUTH_TOKEN_URL"),
            introspection_url: r.url("OAUTH_INTROSPECTION_URL"),
            keys_url: r.url("OAUTH_JWKS_URL"),
            client_id: r.text("OAUTH_CLIENT_ID"),
            client_secret: r.secret("OAUTH_CLIENT_SECRET"),
            secret_method: r.one_of("OAUTH_CLIENT_SECRET_METHOD", SecretMethod::Basic, &methods),
            private_key_pem: r.file("OAUTH_PRIVATE_KEY_FILE"),
            provider_authorities_pem: r.file("OAUTH_CA_FILE"),
            key_id: r.text("OAUTH_KEY_ID"),
            validation: r.one_of("OAUTH_VALIDATION", TokenValidation::Introspect, &validations),
            tenant_claim: r.text("OAUTH_TENANT_CLAIM").unwrap_or_else(|| "tenant".to_owned()),
            audiences: read_names(r, r.text("OAUTH_AUDIENCES"), "OAUTH_AUDIENCES"),
            scopes,
            renamed_scopes,
            certificate_files: CertificateFile::ALL
                .into_iter()
                .filter_map(|file| Some((file, r.text(file.variable())?)))
                .collect(),
        };
        read.judge(r);
        read
    }

    /// The same settings with what the files of certificates and of revoked ones contain now; `None` if nothing has
    /// changed. The error names the file that cannot be read.
    pub fn with_present_files(&self) -> Result<Option<Self>, String> {
        let mut present = self.clone();
        let mut has_changed = false;
        for (file, path) in &self.certificate_files {
            let read = std::fs::read_to_string(path);
            let content = read.map_err(|error| format!("{}: cannot read {path}: {error}", file.variable()))?;
            let kept = present.content_of(*file);
            if kept.as_ref().map(Secret::expose) != Some(content.as_str()) {
                *kept = Some(Secret::new(content));
                has_changed = true;
            }
        }
        Ok(has_changed.then_some(present))
    }

    fn content_of(&mut self, file: CertificateFile) -> &mut Option<Secret> {
        match file {
            CertificateFile::Certificate => &mut self.certificate_pem,
            CertificateFile::Key => &mut self.tls_key_pem,
            CertificateFile::Authorities => &mut self.authorities_pem,
            CertificateFile::Revoked => &mut self.revoked_pem,
            CertificateFile::ProviderAuthorities => &mut self.provider_authorities_pem,
        }
    }

    /// The ways of every link of this role.
    pub fn link_ways(&self) -> LinkWays {
        LinkWays::new(self.ways, self.links.clone())
    }

    /// Whether a link of this role has a shared secret.
    pub(crate) fn any_secrets(&self) -> bool {
        self.link_ways().any(Ways::secrets)
    }

    /// Whether this role has a certificate. It is needed for `mtls`. With `token` alone it may be the proof of the client,
    /// to which its tokens are bound, and lets listeners see to whom the tokens of callers are bound.
    pub fn has_certificate(&self) -> bool {
        self.link_ways().any(Ways::certificates)
            || [&self.certificate_pem, &self.tls_key_pem, &self.authorities_pem].into_iter().any(Option::is_some)
    }

    fn judge(&self, r: &mut Reader<'_>) {
        if self.has_certificate() {
            for (name, given) in [
                ("SERVICE_TLS_CERTIFICATE_FILE", &self.certificate_pem),
                ("SERVICE_TLS_KEY_FILE", &self.tls_key_pem),
                ("SERVICE_TLS_AUTHORITIES_FILE", &self.authorities_pem),
            ] {
                if given.is_none() {
                    r.problem(
                        name,
                        "must be set if SERVICE_AUTH or SERVICE_AUTH_LINKS has mtls, or if another SERVICE_TLS_*_FILE is",
                    );
                }
            }
        }
        if !self.link_ways().any(Ways::tokens) {
            return;
        }
        r.judge_secret("OAUTH_CLIENT_SECRET");
        if self.issuer.is_none() && self.token_url.is_none() {
            r.problem("OAUTH_ISSUER", "must be set if SERVICE_AUTH has token: the URL of the provider of tokens");
        }
        if self.issuer.is_none() && self.token_url.is_some() && self.validation != TokenValidation::Introspect {
            r.problem(
                "OAUTH_ISSUER",
                "must be set if OAUTH_VALIDATION has jwt: tokens of other issuers may be signed with the same keys",
            );
        }
        if self.client_id.is_none() {
            r.problem(
                "OAUTH_CLIENT_ID",
                "must be set if SERVICE_AUTH has token: the name of this role at the provider",
            );
        }
        let asked = [&self.issuer, &self.token_url, &self.introspection_url, &self.keys_url];
        let is_open = asked.into_iter().flatten().any(|url| url.scheme() != "https");
        if is_open && (self.provider_authorities_pem.is_some() || self.proves_by_certificate()) {
            r.problem("OAUTH_ISSUER", "must be https, because certificates are set for the provider");
        }
        match (&self.client_secret, &self.private_key_pem) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) if self.proves_by_certificate() => {}
            (None, None) => {
                r.problem(
                    "OAUTH_CLIENT_SECRET",
                    "must be set if SERVICE_AUTH has token, or OAUTH_PRIVATE_KEY_FILE, or SERVICE_TLS_CERTIFICATE_FILE",
                );
            }
            (Some(_), Some(_)) => {
                r.problem("OAUTH_PRIVATE_KEY_FILE", "is set beside OAUTH_CLIENT_SECRET; a client has one proof");
            }
        }
    }

    /// Whether there is a provider that knows this client, whatever services prove to each other.
    pub fn has_provider(&self) -> bool {
        let has_proof = self.client_secret.is_some() || self.private_key_pem.is_some() || self.proves_by_certificate();
        self.issuer.is_some() && self.client_id.is_some() && has_proof
    }

    /// Whether this client proves itself to the provider with its certificate, because it has nothing else.
    pub fn proves_by_certificate(&self) -> bool {
        self.client_secret.is_none() && self.private_key_pem.is_none() && self.has_certificate()
    }

    /// A secret that callers sign with. It is not needed if this role accepts and shows tokens only.
    pub(crate) fn secret_unless_tokens(&self, secret: Option<Secret>) -> Option<Secret> {
        if self.any_secrets() { secret } else { Some(secret.unwrap_or_else(|| Secret::new(""))) }
    }
}

/// `<service>=<ways>` between commas, the ways with `+` between them.
fn read_links(r: &mut Reader<'_>) -> Vec<(Service, Ways)> {
    const NAME: &str = "SERVICE_AUTH_LINKS";
    let mut links: Vec<(Service, Ways)> = Vec::new();
    let text = r.text("SERVICE_AUTH_LINKS");
    for (service, text) in read_names(r, text, NAME) {
        match text.replace('+', ",").parse() {
            Ok(_) if links.iter().any(|(own, _)| *own == service) => {
                r.problem(NAME, format!("names the link {service} twice"));
            }
            Ok(ways) => links.push((service, ways)),
            Err(_) => r.problem(
                NAME,
                format!("{text:?} is none of hmac, token, mtls, and several of them, such as hmac+token"),
            ),
        }
    }
    links
}

/// `<role>=<host name>` between commas.
fn read_role_names(r: &mut Reader<'_>) -> Vec<(ServiceRole, String)> {
    const NAME: &str = "SERVICE_TLS_NAMES";
    let mut names: Vec<(ServiceRole, String)> = Vec::new();
    let text = r.text("SERVICE_TLS_NAMES");
    for part in text.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|part| !part.is_empty()) {
        let Some((role, host)) = part.split_once('=').map(|(role, host)| (role.trim(), host.trim())) else {
            r.problem(NAME, format!("{part:?} is not <role>=<host name>"));
            continue;
        };
        // The dot of the root at its end makes no other name of it.
        let host = host.strip_suffix('.').unwrap_or(host);
        let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        match role.parse::<ServiceRole>() {
            Err(error) => r.problem(NAME, error.to_string()),
            Ok(_) if !is_host => r.problem(NAME, format!("{host:?} is not the whole name of one host")),
            Ok(_) if names.iter().any(|(_, other)| other.eq_ignore_ascii_case(host)) => {
                r.problem(NAME, format!("names the host {host:?} twice"));
            }
            Ok(role) => names.push((role, host.to_owned())),
        }
    }
    names
}

/// Texts by what they are about.
type Named<T> = Vec<(T, String)>;

/// `<service>=<text>` and `<scope>=<text>` between commas.
fn read_scopes(r: &mut Reader<'_>) -> (Named<Service>, Named<Scope>) {
    const NAME: &str = "OAUTH_SCOPES";
    let (mut renamed, mut others) = (Vec::new(), Vec::new());
    let text = r.text("OAUTH_SCOPES").unwrap_or_default();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('=').and_then(|(scope, text)| Some((scope.trim().parse::<Scope>().ok()?, text.trim()))) {
            Some((_, name)) if name.is_empty() || name.contains(' ') => {
                r.problem(NAME, format!("{part:?}: the name of one scope has no blank"));
            }
            Some((scope, name)) => renamed.push((scope, name.to_owned())),
            None => others.push(part),
        }
    }
    let others = (!others.is_empty()).then(|| others.join(","));
    (read_names(r, others, NAME), renamed)
}

/// `<service>=<text>` between commas.
fn read_names(r: &mut Reader<'_>, text: Option<String>, name: &str) -> Vec<(Service, String)> {
    let mut names = Vec::new();
    for part in text.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|part| !part.is_empty()) {
        let read = part.split_once('=').ok_or_else(|| format!("{part:?} is not <service>=<text>"));
        match read.and_then(|(service, text)| Ok((service.trim().parse::<Service>().map_err(|e| e.to_string())?, text)))
        {
            Ok((service, text)) => names.push((service, text.trim().to_owned())),
            Err(reason) => r.problem(name, reason),
        }
    }
    names
}

/// The clients of the built-in issuer, from the text of their file.
pub(crate) fn read_clients(r: &mut Reader<'_>, text: Option<Secret>) -> Option<Vec<ServiceClient>> {
    let text = text?;
    let clients: Vec<ServiceClient> = match serde_json::from_str(text.expose()) {
        Ok(clients) => clients,
        Err(error) => {
            r.problem("OAUTH_CLIENTS_FILE", format!("names a file that is no list of clients: {error}"));
            return None;
        }
    };
    for (place, client) in clients.iter().enumerate() {
        let id = &client.client_id;
        if id.is_empty() || clients[..place].iter().any(|other| other.client_id == *id) {
            r.problem("OAUTH_CLIENTS_FILE", format!("names two clients {id:?}, or one without a name"));
        }
        let services = client.access.keys().chain(&client.serves).map(|name| name.parse::<Service>().map(drop));
        let scopes = client.access.values().flatten().map(|name| name.parse::<Scope>().map(drop));
        let wrong = services.filter_map(|read| read.err().map(|error| error.to_string()));
        for told in wrong.chain(scopes.filter_map(|read| read.err().map(|error| error.to_string()))) {
            r.problem("OAUTH_CLIENTS_FILE", format!("client {id:?}: {told}"));
        }
    }
    Some(clients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<ServiceAuth, ConfigError> {
        ServiceAuth::from_environment(&Environment::of(variables.iter().copied()))
    }

    #[test]
    fn without_settings_services_use_shared_secrets_like_the_original() {
        let section = read(&[]).unwrap();
        assert_eq!(section.ways, Ways::SHARED_SECRET);
        assert_eq!((section.tenant_claim.as_str(), section.validation), ("tenant", TokenValidation::Introspect));
    }

    #[test]
    fn tokens_need_a_provider_a_name_and_one_proof() {
        let names = |variables: &[(&str, &str)]| {
            let error = read(variables).unwrap_err();
            error.problems.into_iter().map(|problem| problem.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[("SERVICE_AUTH", "token")]), ["OAUTH_ISSUER", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET"]);
        assert_eq!(names(&[("SERVICE_AUTH", "none")]), ["SERVICE_AUTH"]);
        let good = [
            ("SERVICE_AUTH", "hmac,token"),
            ("OAUTH_ISSUER", "http://auth:3011"),
            ("OAUTH_CLIENT_ID", "backend"),
            ("OAUTH_CLIENT_SECRET", "a long secret of our own"),
            ("OAUTH_AUDIENCES", "rates=https://rates.example, backend-admin = admin"),
        ];
        let section = read(&good).unwrap();
        let expected =
            vec![(Service::Rates, "https://rates.example".to_owned()), (Service::BackendAdmin, "admin".to_owned())];
        assert_eq!(section.audiences, expected);
        assert_eq!(names(&[("OAUTH_AUDIENCES", "backend=x")]), ["OAUTH_AUDIENCES"]);
    }

    #[test]
    fn links_may_have_ways_of_their_own_and_certificates_need_files() {
        let section = read(&[("SERVICE_AUTH_LINKS", "rates=hmac, auth-idp = hmac")]).unwrap();
        assert_eq!(section.link_ways().of(Service::Rates), Ways::SHARED_SECRET);
        let names = |variables: &[(&str, &str)]| {
            let error = read(variables).unwrap_err();
            error.problems.into_iter().map(|problem| problem.name).collect::<Vec<_>>()
        };
        let files = ["SERVICE_TLS_CERTIFICATE_FILE", "SERVICE_TLS_KEY_FILE", "SERVICE_TLS_AUTHORITIES_FILE"];
        assert_eq!(names(&[("SERVICE_AUTH", "mtls")]), files);
        assert_eq!(names(&[("SERVICE_AUTH_LINKS", "rates=hmac+mtls")]), files);
        assert_eq!(names(&[("SERVICE_AUTH_LINKS", "rates=token")])[0], "OAUTH_ISSUER");
        for wrong in ["rates=none", "rates", "card=hmac", "rates=hmac, rates=hmac"] {
            assert_eq!(names(&[("SERVICE_AUTH_LINKS", wrong)]), ["SERVICE_AUTH_LINKS"], "{wrong}");
        }
    }

    #[test]
    fn a_host_stands_for_a_role_by_its_whole_name() {
        let section = read(&[("SERVICE_TLS_NAMES", "backend=backend.bank.internal., card-service = cards")]).unwrap();
        let names = [(ServiceRole::Backend, "backend.bank.internal"), (ServiceRole::CardService, "cards")]
            .map(|(r, h)| (r, h.to_owned()));
        assert_eq!(section.role_names, names);
        for wrong in [
            "backend",
            "backend=",
            "backend=.",
            "backend=*.bank.internal",
            "owner=a",
            "backend=a, auth=A",
            "backend=a, auth=a.",
            "backend=a b",
        ] {
            assert_eq!(
                read(&[("SERVICE_TLS_NAMES", wrong)]).unwrap_err().problems[0].name,
                "SERVICE_TLS_NAMES",
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_client_may_prove_itself_with_its_certificate_instead_of_a_secret_but_only_over_tls() {
        let file = std::env::temp_dir().join(format!("any-certificate-{}.pem", std::process::id()));
        std::fs::write(&file, "a file").unwrap();
        let file = file.display().to_string();
        let with = |issuer| {
            [
                ("SERVICE_AUTH", "token"),
                ("OAUTH_ISSUER", issuer),
                ("OAUTH_CLIENT_ID", "backend"),
                ("SERVICE_TLS_CERTIFICATE_FILE", &file),
                ("SERVICE_TLS_KEY_FILE", &file),
                ("SERVICE_TLS_AUTHORITIES_FILE", &file),
            ]
        };
        let section = read(&with("https://auth.internal")).unwrap();
        assert!(section.proves_by_certificate() && section.has_certificate());
        assert_eq!(read(&with("http://auth.internal")).unwrap_err().problems[0].name, "OAUTH_ISSUER");
        let mut incomplete = with("https://auth.internal").to_vec();
        incomplete.truncate(5);
        assert_eq!(read(&incomplete).unwrap_err().problems[0].name, "SERVICE_TLS_AUTHORITIES_FILE");
        let _ = std::fs::remove_file(file);
    }

    #[test]
    fn files_of_certificates_are_read_again_when_they_change() {
        let file = std::env::temp_dir().join(format!("changing-certificate-{}.pem", std::process::id()));
        std::fs::write(&file, "before").unwrap();
        let path = file.display().to_string();
        let section = read(&[
            ("SERVICE_TLS_CERTIFICATE_FILE", &path),
            ("SERVICE_TLS_KEY_FILE", &path),
            ("SERVICE_TLS_AUTHORITIES_FILE", &path),
        ])
        .unwrap();
        assert!(section.with_present_files().unwrap().is_none());
        std::fs::write(&file, "after").unwrap();
        let present = section.with_present_files().unwrap().unwrap();
        assert_eq!(present.certificate_pem.as_ref().map(Secret::expose), Some("after"));
        assert!(present.with_present_files().unwrap().is_none() && present.revoked_pem.is_none());
        std::fs::remove_file(&file).unwrap();
        let refused = present.with_present_files().unwrap_err();
        assert!(refused.starts_with("SERVICE_TLS_CERTIFICATE_FILE: cannot read"), "{refused}");
    }

    #[test]
    fn a_scope_may_have_another_name_at_the_provider_and_a_service_other_scopes() {
        let section = read(&[("OAUTH_SCOPES", "cards:pay=rafiki.cards, rates=read all, operator = root")]).unwrap();
        let renamed = [(Scope::CardsPay, "rafiki.cards".to_owned()), (Scope::Operator, "root".to_owned())];
        assert_eq!(
            (section.renamed_scopes.as_slice(), section.scopes),
            (&renamed[..], vec![(Service::Rates, "read all".to_owned())])
        );
        for wrong in ["cards:pay=a b", "cards:pay=", "cards:play=x"] {
            assert_eq!(read(&[("OAUTH_SCOPES", wrong)]).unwrap_err().problems[0].name, "OAUTH_SCOPES", "{wrong}");
        }
    }

    #[test]
    fn a_file_of_clients_names_known_services_and_scopes() {
        let problems = |text: &str| {
            let environment = Environment::default();
            let mut reader = Reader::new(&environment);
            let clients = read_clients(&mut reader, Some(Secret::new(text)));
            reader.finish(clients).map(|clients| clients.len()).map_err(|error| error.problems.len())
        };
        let client = |access: &str| format!(r#"{{"clientId":"a","secretHashes":["x"],"access":{access}}}"#);
        assert_eq!(problems(&format!("[{}]", client(r#"{"rates":["rates:read"]}"#))), Ok(1));
        assert_eq!(problems(&format!("[{}]", client(r#"{"rate":["rates"]}"#))), Err(2));
        assert_eq!(problems(&format!("[{0},{0}]", client("{}"))), Err(1));
        assert_eq!(problems("{}"), Err(1));
    }
}
