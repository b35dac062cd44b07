//! Values that the roles of one installation must agree on, compared across their sections.
//!
//! Each section is checked when it is read.

use std::fmt;

use service_auth::Service;
use url::Url;

use crate::{Auth, Backend, DatabaseUrl, Secret, ServiceAuth, UnsignedWebhooks, Wallet};

/// The sections of one installation, each with the name that its operator uses.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Backends. If there are several, they share one database.
    pub backends: Vec<(String, Backend)>,
    /// Authorization servers.
    pub auths: Vec<(String, Auth)>,
    /// Account-servicing entities.
    pub wallets: Vec<(String, Wallet)>,
}

/// A disagreement of two roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// Something will not work.
    Broken(String),
    /// It may be intended, and should be checked.
    Doubtful(String),
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(text) | Self::Doubtful(text) => f.write_str(text),
        }
    }
}

impl Roles {
    /// All disagreements of the roles.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        let mut found = Findings::default();
        for pair in self.backends.windows(2) {
            found.replicas(&pair[0], &pair[1]);
        }
        for backend in &self.backends {
            self.wallets.iter().for_each(|wallet| found.backend_and_wallet(backend, wallet));
            self.auths.iter().for_each(|auth| found.backend_and_auth(backend, auth));
        }
        found.shared_databases(&self.databases());
        found.shared_ports(&self.ports());
        found.0
    }

    fn databases(&self) -> Vec<(&str, &str, &DatabaseUrl)> {
        let backends = self.backends.first().into_iter().map(|(who, b)| (who.as_str(), "DATABASE_URL", &b.database));
        let auths = self.auths.first().into_iter().map(|(who, a)| (who.as_str(), "AUTH_DATABASE_URL", &a.database));
        let wallets = self.wallets.iter().map(|(who, w)| (who.as_str(), "DATABASE_URL", &w.database));
        backends.chain(auths).chain(wallets).collect()
    }

    fn ports(&self) -> Vec<(&str, &'static str, u16)> {
        let mut ports = Vec::new();
        for (who, backend) in &self.backends {
            ports.push((who.as_str(), "OPEN_PAYMENTS_PORT", backend.ports.open_payments));
            ports.push((who.as_str(), "ADMIN_PORT", backend.ports.admin));
            ports.push((who.as_str(), "CONNECTOR_PORT", backend.ports.connector));
        }
        for (who, auth) in &self.auths {
            ports.push((who.as_str(), "AUTH_PORT", auth.ports.auth));
            ports.push((who.as_str(), "ADMIN_PORT", auth.ports.admin));
            ports.push((who.as_str(), "INTERACTION_PORT", auth.ports.interaction));
            ports.push((who.as_str(), "INTROSPECTION_PORT", auth.ports.introspection));
            ports.push((who.as_str(), "SERVICE_API_PORT", auth.ports.service));
        }
        for (who, wallet) in &self.wallets {
            ports.push((who.as_str(), "PORT", wallet.port));
        }
        ports
    }
}

/// What two roles must have in common for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    /// Their secrets.
    Secrets,
    /// Nothing: the caller shows a token.
    Nothing,
}

#[derive(Default)]
struct Findings(Vec<Disagreement>);

impl Findings {
    fn broken(&mut self, fits: bool, text: impl FnOnce() -> String) {
        if !fits {
            self.0.push(Disagreement::Broken(text()));
        }
    }

    fn doubtful(&mut self, fits: bool, text: impl FnOnce() -> String) {
        if !fits {
            self.doubt(text());
        }
    }

    fn doubt(&mut self, text: String) {
        self.0.push(Disagreement::Doubtful(text));
    }

    fn replicas(&mut self, (a, one): &(String, Backend), (b, two): &(String, Backend)) {
        let mut same = |name: &str, equal: bool, why: &str| {
            self.broken(equal, || format!("{name} differs between {a} and {b}: {why}; make them equal"));
        };
        same(
            "STREAM_SECRET",
            one.stream_secret.is_some() && one.stream_secret == two.stream_secret,
            "neither can decrypt packets that are meant for the other",
        );
        same(
            "PRIVATE_KEY_FILE",
            exposed(one.private_key_pem.as_ref()) == exposed(two.private_key_pem.as_ref()),
            "other institutions refuse the signatures of one of them",
        );

        same("KEY_ID", one.key_id == two.key_id, "other institutions refuse the signatures of one of them");
        same(
            "ADMIN_API_SECRET",
            one.admin_api.secret == two.admin_api.secret,
            "each start replaces the secret of the other",
        );
        same(
            "SIGNATURE_SECRET",
            one.webhooks.secret == two.webhooks.secret,
            "the wallet refuses the webhooks of one of them",
        );
        same("OPERATOR_TENANT_ID", one.operator_tenant_id == two.operator_tenant_id, "they serve two operators");
        same("ILP_ADDRESS", one.ilp_address == two.ilp_address, "packets do not reach the right backend");
        same(
            "OPEN_PAYMENTS_URL",
            one.open_payments_url == two.open_payments_url,
            "one does not know the other's payments",
        );

        same("DATABASE_URL", one.database == two.database, "two backends of one installation share their database");
        same(
            "LEDGER_DATABASE_URL",
            one.ledger_database == two.ledger_database,
            "two backends of one installation share their ledger",
        );
    }

    /// Whether the callee accepts what the caller shows. Only if that is a shared secret, the secrets are compared.
    fn link(
        &mut self,
        service: Service,
        (caller, shows): (&str, &ServiceAuth),
        (callee, accepts): (&str, &ServiceAuth),
    ) -> Compared {
        let (shows, accepts) = (shows.link_ways().of(service), accepts.link_ways().of(service));
        let by_certificate = shows.certificates() && accepts.certificates();
        let by_token = shows.tokens();
        let fits = by_certificate || if by_token { accepts.tokens() } else { shows.secrets() && accepts.secrets() };
        self.broken(fits, || {
            let shown = match (by_token, shows.secrets()) {
                (true, _) => "a token",
                (false, true) => "a shared secret",
                (false, false) => "a certificate",
            };
            format!(
                "{caller} shows {shown} to {callee}, which does not accept it; compare SERVICE_AUTH and \
                 SERVICE_AUTH_LINKS of both"
            )
        });
        if by_token || !shows.secrets() || !accepts.secrets() { Compared::Nothing } else { Compared::Secrets }
    }

    fn backend_and_wallet(&mut self, (b, backend): &(String, Backend), (w, wallet): &(String, Wallet)) {
        let events = self.link(Service::WalletHooks, (b, &backend.service_auth), (w, &wallet.service_auth));
        let requests = self.link(Service::BackendAdmin, (w, &wallet.service_auth), (b, &backend.service_auth));

        match &backend.webhooks.secret {
            _ if events == Compared::Nothing => {}
            Some(secret) => self.broken(*secret == wallet.webhook_secret, || {
                format!(
                    "SIGNATURE_SECRET of {b} is not the secret with which {w} checks webhooks (WEBHOOK_SIGNATURE_SECRET, or \
                     SIGNATURE_SECRET without it): it refuses every event with 401, and payments stop; make \
                     them equal"
                )
            }),
            None => self.broken(wallet.unsigned_webhooks == UnsignedWebhooks::Believed, || {
                format!(
                    "SIGNATURE_SECRET is not set at {b}, but {w} requires signed webhooks: it refuses every event with \
                     401, and payments stop; set it to the secret with which {w} checks webhooks"
                )
            }),
        }

        let signs = backend.webhooks.secret.is_some();
        let compared = events == Compared::Secrets;
        self.broken(
            !compared || !signs || backend.webhooks.signature_version == wallet.webhook_signature_version,
            || format!("SIGNATURE_VERSION of {b} is not the WEBHOOK_SIGNATURE_VERSION of {w}; make them equal"),
        );

        if wallet.tenant_id == backend.operator_tenant_id {
            let by_token = requests == Compared::Nothing;
            self.broken(by_token || wallet.admin_secret == backend.admin_api.secret, || {
                format!(
                    "SIGNATURE_SECRET of {w} is not the ADMIN_API_SECRET of {b}: the Admin API answers it with 401; \
                     make them equal"
                )
            });
        } else {
            self.doubt(format!("{w} acts as tenant {}, which is not the operator of {b}", wallet.tenant_id));
        }

        self.broken(wallet.admin_signature_version == backend.admin_api.signature_version, || {
            format!("SIGNATURE_VERSION of {w} is not the ADMIN_API_SIGNATURE_VERSION of {b}; make them equal")
        });
        self.doubtful(wallet.open_payments_url.origin() == backend.open_payments_url.origin(), || {
            format!("OPEN_PAYMENTS_URL of {w} is not that of {b}: the wallet addresses that it makes are served by no backend")
        });
        self.port_of(("GRAPHQL_URL", w), &wallet.graphql_url, ("ADMIN_PORT", b, backend.ports.admin));
    }

    fn backend_and_auth(&mut self, (b, backend): &(String, Backend), (a, auth): &(String, Auth)) {
        self.broken(backend.operator_tenant_id == auth.operator_tenant_id, || {
            format!(
                "OPERATOR_TENANT_ID differs between {b} and {a}: no grant belongs to this operator; make them equal"
            )
        });
        let compared = self.link(Service::AuthIntrospection, (b, &backend.service_auth), (a, &auth.service_auth));
        let by_token = compared == Compared::Nothing;
        self.doubtful(by_token || backend.admin_api.secret == auth.admin_api.secret, || {
            format!("ADMIN_API_SECRET differs between {b} and {a}; the operator has one secret in the original")
        });

        let shown = backend.auth_service_secret.as_ref();
        let wanted = auth.service_secret.as_ref();
        let knows_us = match (shown, wanted) {
            (None, None) => backend.admin_api.secret == auth.admin_api.secret,
            (shown, wanted) => shown == wanted,
        };
        self.broken(by_token || knows_us || !auth.require_service_secret, || {
            format!(
                "AUTH_SERVICE_SECRET differs between {b} and {a}: no token of a client can be looked up, and each is \
                 answered with 503; make them equal, or leave both out where ADMIN_API_SECRET is equal"
            )
        });

        self.broken(Url::parse(&backend.auth_server_grant_url).is_ok_and(|url| url == auth.server_url), || {
            format!(
                "AUTH_SERVER_GRANT_URL of {b} is not the AUTH_SERVER_URL of {a}: clients are sent to a server that does \
                 not answer for this institution; make them equal"
            )
        });

        let introspection = &backend.auth_server_introspection_url;
        self.port_of(
            ("AUTH_SERVER_INTROSPECTION_URL", b),
            introspection,
            ("INTROSPECTION_PORT", a, auth.ports.introspection),
        );

        self.doubtful(backend.mode == auth.mode, || format!("NODE_ENV differs between {b} and {a}"));
    }

    /// A URL on this machine must name the port of the listener that it is for.
    fn port_of(&mut self, (name, who): (&str, &str), url: &Url, (port_name, whose, port): (&str, &str, u16)) {
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let fits = !here || port == 0 || url.port_or_known_default() == Some(port);
        self.broken(fits, || {
            format!("{name} of {who} is {url}, but {port_name} of {whose} is {port}; make them equal")
        });
    }

    fn shared_databases(&mut self, databases: &[(&str, &str, &DatabaseUrl)]) {
        for (place, (who, name, url)) in databases.iter().enumerate() {
            if let Some((other, other_name, _)) = databases[..place].iter().find(|(_, _, other)| other == url) {
                let text = format!(
                    "{name} of {who} is {other_name} of {other} ({url}); every role needs a database of its own"
                );
                self.0.push(Disagreement::Broken(text));
            }
        }
    }

    fn shared_ports(&mut self, ports: &[(&str, &str, u16)]) {
        for (place, (who, name, port)) in ports.iter().enumerate() {
            let same = |(other, _, other_port): &&(&str, &str, u16)| other_port == port && *port != 0 && other != who;
            if let Some((other, other_name, _)) = ports[..place].iter().find(same) {
                let text = format!(
                    "{name} of {who} and {other_name} of {other} are both {port}; give each its own if they run on one \
                     machine"
                );
                self.0.push(Disagreement::Doubtful(text));
            }
        }
    }
}

fn exposed(secret: Option<&Secret>) -> Option<&str> {
    secret.map(|secret| secret.expose().trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    const BACKEND: [(&str, &str); 13] = [
        ("OPEN_PAYMENTS_URL", "https://localhost:3000"),
        ("AUTH_SERVER_GRANT_URL", "http://localhost:3006"),
        ("AUTH_SERVER_INTROSPECTION_URL", "http://localhost:3007"),
        ("AUTH_SERVICE_API_URL", "http://localhost:3011"),
        ("ILP_ADDRESS", "test.nine"),
        ("ILP_CONNECTOR_URL", "http://localhost:3002"),
        ("INSTANCE_NAME", "NINE"),
        ("KEY_ID", "k"),
        ("WEBHOOK_URL", "http://localhost:3030/webhooks"),
        ("ADMIN_API_SECRET", "an admin secret of our own"),
        ("SIGNATURE_SECRET", "a webhook secret of our own"),
        ("STREAM_SECRET", "BjPXtnd00G2mRQwP/8ZpwyZASOch5sUXT5o0iR5b5wU="),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
    ];
    const AUTH: [(&str, &str); 7] = [
        ("ADMIN_PORT", "3013"),
        ("AUTH_SERVER_URL", "http://localhost:3006"),
        ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/"),
        ("IDENTITY_SERVER_SECRET", "idp"),
        ("ADMIN_API_SECRET", "an admin secret of our own"),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("COOKIE_KEY", "cookie"),
    ];
    const WALLET: [(&str, &str); 5] = [
        ("OPEN_PAYMENTS_URL", "https://localhost:3000"),
        ("GRAPHQL_URL", "http://localhost:3001/graphql"),
        ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
        ("SIGNATURE_SECRET", "an admin secret of our own"),
        ("WEBHOOK_SIGNATURE_SECRET", "a webhook secret of our own"),
    ];

    fn environment(pairs: &[(&str, &str)], more: &[(&str, &str)]) -> Environment {
        Environment::of(pairs.iter().chain(more).copied())
    }

    fn told(backend: &[(&str, &str)], auth: &[(&str, &str)], wallet: &[(&str, &str)]) -> Vec<String> {
        let roles = Roles {
            backends: vec![("backend".to_owned(), Backend::from_environment(&environment(&BACKEND, backend)).unwrap())],
            auths: vec![("auth".to_owned(), Auth::from_environment(&environment(&AUTH, auth)).unwrap())],
            wallets: vec![("wallet".to_owned(), Wallet::from_environment(&environment(&WALLET, wallet)).unwrap())],
        };
        roles.disagreements().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn roles_that_agree_cause_no_report() {
        assert_eq!(told(&[], &[], &[]), Vec::<String>::new());
    }

    /// What is changed at backend, authorization server and wallet, and the expected report.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], &'a str);

    #[test]
    fn every_disagreement_of_two_roles_is_reported() {
        let cases: [Case<'_>; 11] = [
            (
                &[("AUTH_SERVICE_SECRET", "a service secret")],
                &[],
                &[],
                "AUTH_SERVICE_SECRET differs between backend and auth",
            ),
            (
                &[],
                &[("AUTH_SERVICE_SECRET", "a service secret")],
                &[],
                "AUTH_SERVICE_SECRET differs between backend and auth",
            ),
            (&[("SIGNATURE_SECRET", "")], &[], &[], "SIGNATURE_SECRET is not set at backend"),
            (
                &[("SIGNATURE_SECRET", "another one")],
                &[],
                &[],
                "SIGNATURE_SECRET of backend is not the secret with which wallet",
            ),
            (&[("SIGNATURE_VERSION", "2")], &[], &[], "WEBHOOK_SIGNATURE_VERSION"),
            (&[], &[], &[("SIGNATURE_SECRET", "x")], "is not the ADMIN_API_SECRET of backend"),
            (&[("ADMIN_PORT", "3101")], &[], &[], "GRAPHQL_URL of wallet"),
            (&[], &[("INTROSPECTION_PORT", "3107")], &[], "AUTH_SERVER_INTROSPECTION_URL of backend"),
            (&[], &[("AUTH_SERVER_URL", "https://auth.example")], &[], "AUTH_SERVER_GRANT_URL of backend"),
            (&[], &[], &[("PORT", "3002")], "are both 3002"),
            (&[("DATABASE_URL", "sqlite:x.db")], &[("AUTH_DATABASE_URL", "sqlite:x.db")], &[], "a database of its own"),
        ];
        for (backend, auth, wallet, expected) in cases {
            let told = told(backend, auth, wallet);
            assert!(told.iter().any(|text| text.contains(expected)), "{expected}: {told:?}");
        }
    }

    #[test]
    fn with_tokens_no_secrets_are_compared_but_both_must_use_them() {
        const TOKENS: [(&str, &str); 4] = [
            ("SERVICE_AUTH", "token"),
            ("OAUTH_ISSUER", "http://localhost:3011"),
            ("OAUTH_CLIENT_ID", "me"),
            ("OAUTH_CLIENT_SECRET", "a secret of one client"),
        ];
        let apart = |more: (&'static str, &'static str)| [&TOKENS[..], &[more]].concat();
        let auth = apart(("ADMIN_API_SECRET", "a secret that only auth has"));
        let wallet = [&TOKENS[..], &[("SIGNATURE_SECRET", ""), ("WEBHOOK_SIGNATURE_SECRET", "")]].concat();
        let backend = apart(("SIGNATURE_SECRET", ""));
        assert_eq!(told(&backend, &auth, &wallet), Vec::<String>::new());
        let told = told(&backend, &[], &wallet);
        assert!(told.iter().any(|text| text.contains("backend shows a token to auth")), "{told:?}");
    }

    #[test]
    fn two_backends_of_one_installation_share_what_they_must() {
        let of = |more: &[(&str, &str)]| Backend::from_environment(&environment(&BACKEND, more)).unwrap();
        let told = |more: &[(&str, &str)]| {
            let backends = vec![("one".to_owned(), of(&[])), ("two".to_owned(), of(more))];
            let found = Roles { backends, ..Roles::default() }.disagreements();
            found.into_iter().filter(|found| matches!(found, Disagreement::Broken(_))).collect::<Vec<_>>()
        };
        assert_eq!(told(&[]), []);
        let broken = told(&[("STREAM_SECRET", "zO9KogehJECHReHgQr+ZWGkmgOD4AYa4ksUxALSwgM8=")]);
        assert!(broken[0].to_string().contains("STREAM_SECRET differs between one and two"), "{broken:?}");
    }
}
