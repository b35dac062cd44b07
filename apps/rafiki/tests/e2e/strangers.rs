//! A role started from an environment of the original, and what an unknown client can reach of it.
//! What each listener refuses is tested in its edge.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use outbound_http::Request;
use serde_json::json;
use testkit::free_ports;

use crate::asking::outbound;
use crate::institutions::BINARY;

/// `rafiki auth` on ports of its own, and its output until it was ready.
struct AuthServer {
    child: Child,
    told: Vec<String>,
    ports: u16,
    _data: tempfile::TempDir,
}

impl AuthServer {
    fn start(more: &[(&str, &str)]) -> Self {
        let (data, ports) = (tempfile::tempdir().unwrap(), free_ports());
        let port = |n: u16| (ports + n).to_string();
        let mut child = Command::new(BINARY)
            .arg("auth")
            .current_dir(data.path())
            // The variables of the original's playground, and no others.
            .envs([
                ("NODE_ENV", "development"),
                ("AUTH_SERVER_URL", "http://localhost:3006"),
                ("IDENTITY_SERVER_URL", "http://localhost:3030/mock-idp/"),
                ("IDENTITY_SERVER_SECRET", "2pEcn2kkCclbOHQiGNEwhJ0rucATZhrA807HTm2rNXE="),
                ("ADMIN_API_SECRET", "iyIgCprjb9uL8wFckR+pLEkJWMB7FJhgkvqhTQR/964="),
                ("OPERATOR_TENANT_ID", "438fa74a-fa7d-4317-9ced-dde32ece1787"),
                ("COOKIE_KEY", "42397d1f371dd4b8b7d0308a689a57c882effd4ea909d792302542af47e2cd37"),
            ])
            .envs([
                ("AUTH_PORT", port(0)),
                ("ADMIN_PORT", port(1)),
                ("INTERACTION_PORT", port(2)),
                ("INTROSPECTION_PORT", port(3)),
                ("SERVICE_API_PORT", port(4)),
                ("AUTH_DATABASE_URL", format!("sqlite:{}", data.path().join("auth.db").display())),
            ])
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let told = lines.take_while(|line| line.trim() != "ready").collect();
        Self { child, told, ports, _data: data }
    }

    /// The status of introspection for a caller with this secret.
    fn introspect(&self, secret: Option<&str>) -> u16 {
        let url = format!("http://127.0.0.1:{}/", self.ports + 3).parse().unwrap();
        let mut request = Request::post_json(url, &json!({"access_token": "x"})).unwrap().configured();
        if let Some(secret) = secret {
            request = request.authorization(&format!("Bearer {secret}"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(outbound().send(request)).unwrap().status.as_u16()
    }

    /// Ends it and returns its log.
    fn log(mut self) -> String {
        self.child.kill().unwrap();
        let mut log = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut log).unwrap();
        log
    }
}

impl Drop for AuthServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_environment_of_the_original_starts_with_its_private_listeners_closed() {
    let server = AuthServer::start(&[]);
    let line = |name: &str| {
        let line = server.told.iter().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("{name} is not told of: {:?}", server.told)).clone()
    };
    assert!(line("authorization server").contains("http://0.0.0.0:"), "{:?}", server.told);
    for name in ["Admin API", "interaction", "introspection", "service API"] {
        assert!(
            line(name).contains("http://127.0.0.1:") && line(name).contains("PRIVATE_LISTEN_ADDRESS"),
            "{}",
            line(name)
        );
    }
    assert_eq!(server.introspect(None), 401);
    assert_eq!(server.introspect(Some("guess")), 401);
}

#[test]
fn a_secret_opens_introspection_and_so_does_a_switch_that_warns() {
    let server = AuthServer::start(&[("AUTH_SERVICE_SECRET", "ours")]);
    assert_eq!((server.introspect(None), server.introspect(Some("ours"))), (401, 200));
    let server = AuthServer::start(&[("AUTH_SERVICE_REQUIRE_SECRET", "false")]);
    assert_eq!(server.introspect(None), 200);
    let log = server.log();
    assert!(log.contains("AUTH_SERVICE_REQUIRE_SECRET is false"), "{log}");
}
