//! Redis over TLS: the server's certificate is always verified.
//!
//! A throw-away server with a certificate of a throw-away authority. Where the binary is missing, that is said loudly.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use shared_cache::{RedisCache, RedisSettings, RedisTls, SharedCache};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that shows a certificate for `localhost` signed by `authority`; `None` where there is no binary.
async fn redis_server(folder: &Path, authority: &Authority, port: u16) -> Option<Child> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("server.crt", certificate.pem());
    write("server.key", key.serialize_pem());
    write("ca.crt", authority.pem());
    let started = Command::new("redis-server")
        .args([
            "--port",
            "0",
            "--save",
            "",
            "--appendonly",
            "no",
            "--bind",
            "127.0.0.1",
            "--tls-port",
            &port.to_string(),
        ])
        .args(["--tls-cert-file", "server.crt", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.crt"])
        .args(["--tls-auth-clients", "no"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut server) = started else {
        eprintln!("SKIPPED Redis over TLS: no redis-server binary on the PATH (Debian package redis-server)");
        return None;
    };
    let mut said = BufReader::new(server.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        if line.to_lowercase().contains("ready to accept connections") {
            break;
        }
    }
    tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    Some(server)
}

fn settings(scheme: &str, port: u16, authority: Option<&Authority>) -> RedisSettings {
    RedisSettings {
        url: format!("{scheme}://localhost:{port}").parse().unwrap(),
        tls: authority.map(|authority| RedisTls { authority: Some(authority.pem().into_bytes()), client: None }),
        time_limit: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn a_redis_server_is_believed_only_with_a_certificate_of_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (authority(), authority());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(_server) = redis_server(folder.path(), &own, port).await else { return };
    for scheme in ["redis", "rediss"] {
        let cache = SharedCache::Redis(RedisCache::connect(settings(scheme, port, Some(&own))).await.unwrap());
        cache.set("key", Bytes::from_static(b"value"), Duration::from_mins(1)).await.unwrap();
        assert_eq!(cache.get("key").await.unwrap(), Some(Bytes::from_static(b"value")));
        let refused = RedisCache::connect(settings(scheme, port, Some(&other))).await.unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    }
    assert!(RedisCache::connect(settings("rediss", port, None)).await.is_err(), "nobody else vouches for it");
}
