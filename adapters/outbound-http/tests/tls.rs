//! Calls with a client certificate, to a server whose certificate is of a private authority.
//! Which peer uses which certificate is tested in `ilp-api`.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::time::Duration;

use clock::{ManualClock, Timestamp};
use outbound_http::{Outbound, OutboundConfig, OutboundError, PartyTls, PartyTlsError, Request, Strangers};
use testkit::{Certified, PrivateAuthority};
use url::Url;

/// The authorities of servers and of clients, and a server that demands a client certificate.
async fn scene() -> (PrivateAuthority, PrivateAuthority, Url) {
    let (servers, clients) = (PrivateAuthority::default(), PrivateAuthority::default());
    let url = servers.serve_clients_of(&clients).await;
    (servers, clients, url.parse().unwrap())
}

fn shown(own: &Certified) -> (&str, &str) {
    (&own.certificate, &own.key)
}

fn client(config: OutboundConfig) -> Outbound {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_718_000_000_000)));
    Outbound::new(config, clock).unwrap()
}

fn anywhere() -> OutboundConfig {
    OutboundConfig { strangers: Strangers::AnyAddress, ..OutboundConfig::default() }
}

async fn status_of(client: &Outbound, url: &Url) -> Result<u16, OutboundError> {
    let answer = client.send(Request::get(url.clone()).deadline(Duration::from_secs(10))).await?;
    Ok(answer.status.as_u16())
}

#[tokio::test]
async fn a_server_with_a_private_authority_is_called_with_the_client_certificate_that_it_wants() {
    let (servers, clients, url) = scene().await;
    let others = PrivateAuthority::default();
    let (own, strange) = (clients.certify(), others.certify());
    let (authority, foreign) = (servers.pem(), others.pem());

    let call = async |identity, authorities| {
        let tls = PartyTls { identity, authorities }.read().unwrap();
        status_of(&client(anywhere()).with_tls(&tls).unwrap(), &url).await
    };
    assert_eq!(call(Some(shown(&own)), Some(&*authority)).await.unwrap(), 200);
    assert!(call(None, Some(&*authority)).await.is_err(), "without a client certificate");
    assert!(call(Some(shown(&strange)), Some(&*authority)).await.is_err(), "with one of another authority");
    assert!(call(Some(shown(&own)), Some(&*foreign)).await.is_err(), "the server is not of this authority");
    assert!(call(Some(shown(&own)), None).await.is_err(), "the machine does not know the authority");
    assert!(status_of(&client(anywhere()), &url).await.is_err(), "other calls do not show the certificate");
}

#[tokio::test]
async fn where_certificates_are_set_only_https_is_called_in_development_too() {
    let (servers, clients, url) = scene().await;
    let (own, authority) = (clients.certify(), servers.pem());
    let tls = PartyTls { identity: Some(shown(&own)), authorities: Some(&authority) }.read().unwrap();
    let client = client(OutboundConfig::development()).with_tls(&tls).unwrap();
    assert_eq!(status_of(&client, &url).await.unwrap(), 200);

    let mut plain = url;
    plain.set_scheme("http").unwrap();
    let refused = status_of(&client, &plain).await.unwrap_err();
    assert!(refused.is_unsent() && refused.to_string().contains("must be https"), "{refused}");
}

#[tokio::test]
async fn certificates_do_not_lead_past_the_address_guard() {
    let (servers, clients, url) = scene().await;
    let (own, authority) = (clients.certify(), servers.pem());
    let tls = PartyTls { identity: Some(shown(&own)), authorities: Some(&authority) }.read().unwrap();
    let client = client(OutboundConfig::default()).with_tls(&tls).unwrap();
    assert!(matches!(status_of(&client, &url).await, Err(OutboundError::AddressRefused { .. })));
    let mut named = url;
    named.set_host(Some("localhost")).unwrap();
    assert!(matches!(status_of(&client, &named).await, Err(OutboundError::AddressRefused { .. })));
}

#[test]
fn certificates_that_cannot_be_used_are_refused_and_the_message_says_what_to_give() {
    let authority = PrivateAuthority::default();
    let (Certified { certificate, key }, other) = (authority.certify(), authority.certify());
    let refused = |identity, authorities| PartyTls { identity, authorities }.read().err();
    let chain = format!("{certificate}{}", authority.pem());
    for good in [&certificate, &chain] {
        assert_eq!(refused(Some((&**good, &*key)), Some(&**good)), None);
    }
    assert_eq!(refused(None, None), None);

    let with_key = format!("{certificate}{key}");
    let begun_key = format!("{certificate}-----BEGIN PRIVATE KEY-----\nAAAA");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for no_certificates in ["", "no certificate", &*key, &*with_key, &*begun_key, garbage] {
        let certificate = refused(Some((no_certificates, &*key)), None);
        assert_eq!(certificate, Some(PartyTlsError::Certificate), "{no_certificates}");
        assert_eq!(refused(None, Some(no_certificates)), Some(PartyTlsError::Authorities), "{no_certificates}");
    }
    let (two, password) = (format!("{key}{}", other.key), key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    for no_key in ["", "no key", &*certificate, &*with_key, &*two, &*password] {
        assert_eq!(refused(Some((&*certificate, no_key)), None), Some(PartyTlsError::PrivateKey), "{no_key}");
    }
    assert_eq!(refused(Some((&*certificate, &*other.key)), None), Some(PartyTlsError::OtherKey));
    for (error, told) in [
        (PartyTlsError::Certificate, "-----BEGIN CERTIFICATE-----"),
        (PartyTlsError::PrivateKey, "openssl pkey"),
        (PartyTlsError::OtherKey, "give the key that this certificate was made for"),
        (PartyTlsError::Authorities, "give at least one certificate"),
    ] {
        assert!(error.to_string().contains(told), "{error}");
    }
}
