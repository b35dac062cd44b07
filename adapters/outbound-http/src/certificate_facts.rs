//! What a certificate says about itself: whose it is, and when it ends (RFC 5280).
//!
//! It does not judge whether anybody should believe it.

use clock::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// The facts of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its subject, for example `CN=rafiki.example`.
    pub subject: String,
    /// It is not valid before this instant.
    pub begins_at: Timestamp,
    /// It is not valid after this instant.
    pub expires_at: Timestamp,
    /// The host names that it is for.
    pub hosts: Vec<String>,
    /// The URIs that it is for.
    pub uris: Vec<String>,
}

impl CertificateFacts {
    /// Of the first certificate in a text in PEM; `None` if it cannot be read.
    pub fn of_pem(pem: &str) -> Option<Self> {
        Self::of_der(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
    }

    /// Of all certificates in a text in PEM; `None` if there is none, or one that cannot be read.
    pub fn all_of_pem(pem: &str) -> Option<Vec<Self>> {
        let read = |der: Result<CertificateDer<'_>, _>| Self::of_der(&der.ok()?);
        let all: Vec<Self> = CertificateDer::pem_slice_iter(pem.as_bytes()).map(read).collect::<Option<_>>()?;
        (!all.is_empty()).then_some(all)
    }

    /// Of a certificate in DER; `None` if it cannot be read.
    pub fn of_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        let instant = |seconds: i64| seconds.checked_mul(1000).map(Timestamp::from_millis);
        let mut facts = Self {
            subject: certificate.subject().to_string(),
            begins_at: instant(validity.not_before.timestamp())?,
            expires_at: instant(validity.not_after.timestamp())?,
            hosts: Vec::new(),
            uris: Vec::new(),
        };
        let names = certificate.subject_alternative_name().ok()?;
        for name in names.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(host) => facts.hosts.push((*host).to_owned()),
                GeneralName::URI(uri) => facts.uris.push((*uri).to_owned()),
                _ => {}
            }
        }
        Some(facts)
    }
}

#[cfg(test)]
mod tests {
    use testkit::PrivateAuthority;

    use super::*;

    #[test]
    fn a_certificate_tells_whose_it_is_and_when_it_ends() {
        let certified =
            PrivateAuthority::default().certify_as("rafiki.example", &["localhost", "urn:x:y"], (2027, 3, 1));
        let facts = CertificateFacts::of_pem(&certified.certificate).unwrap();
        assert_eq!(
            (facts.subject.as_str(), facts.expires_at.to_string().as_str()),
            ("CN=rafiki.example", "2027-03-01T00:00:00.000Z")
        );
        assert_eq!((facts.hosts, facts.uris), (vec!["localhost".to_owned()], vec!["urn:x:y".to_owned()]));
        for text in ["", "no certificate", &certified.key] {
            assert_eq!(CertificateFacts::of_pem(text), None);
            assert_eq!(CertificateFacts::all_of_pem(text), None);
        }
        let both = format!("{}{}", certified.certificate, PrivateAuthority::default().pem());
        assert_eq!(CertificateFacts::all_of_pem(&both).unwrap().len(), 2);
        let broken = format!("{both}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert_eq!(CertificateFacts::all_of_pem(&broken), None);
    }
}
