//! What a certificate says about itself: whose it is, and when it ends (RFC 5280).
//!
//! It does not judge whether anybody should believe it.

use clock::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::parse_x509_certificate;

/// The facts of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its subject, for example `CN=rafiki.example`.
    pub subject: String,
    /// It is not valid after this instant.
    pub expires_at: Timestamp,
}

impl CertificateFacts {
    /// Of the first certificate in a text in PEM; `None` if it cannot be read.
    pub fn of_pem(pem: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, certificate) = parse_x509_certificate(&der).ok()?;
        let seconds = certificate.validity().not_after.timestamp();
        Some(Self {
            subject: certificate.subject().to_string(),
            expires_at: Timestamp::from_millis(seconds.checked_mul(1000)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use testkit::PrivateAuthority;

    use super::*;

    #[test]
    fn a_certificate_tells_whose_it_is_and_when_it_ends() {
        let certified = PrivateAuthority::default().certify_as("rafiki.example", &["localhost"], (2027, 3, 1));
        let facts = CertificateFacts::of_pem(&certified.certificate).unwrap();
        assert_eq!(
            (facts.subject.as_str(), facts.expires_at.to_string().as_str()),
            ("CN=rafiki.example", "2027-03-01T00:00:00.000Z")
        );
        for text in ["", "no certificate", &certified.key] {
            assert_eq!(CertificateFacts::of_pem(text), None);
        }
    }
}
