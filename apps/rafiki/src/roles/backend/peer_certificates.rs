//! Looks after the client certificates that are shown to peers: once at the start, and then each day.
//!
//! Keys that a former secret has sealed are sealed again. Certificates that end soon are named in the log.

use std::time::Duration;

use payments::administration::{Administration, EndingCertificate};
use payments_model::peer_tls::CertificateTerm;

use crate::roles::running::Stop;

const DAILY: Duration = Duration::from_hours(24);
/// How soon it is tried again after the database did not answer.
const AGAIN: Duration = Duration::from_mins(1);

/// Looks after them until the role stops.
pub(super) async fn look_after(administration: Administration, mut stop: Stop) {
    loop {
        let pause = match look(&administration).await {
            Ok(()) => DAILY,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "certificates of peers are looked at later");
                AGAIN
            }
        };
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn look(administration: &Administration) -> Result<(), payments::Unavailable> {
    let resealed = administration.reseal_peer_keys().await?;
    if resealed > 0 {
        tracing::info!(resealed, "private keys for peers are sealed with the present DB_ENCRYPTION_SECRET now");
    }
    for EndingCertificate { peer, facts, term } in administration.ending_peer_certificates().await? {
        let (subject, end) = (&facts.subject, facts.expires_at.to_string());
        match term {
            CertificateTerm::Good => {}
            CertificateTerm::EndsSoon => {
                tracing::warn!(peer.id = %peer, subject, end, "the certificate for a peer ends soon; set a new one with setPeerTls");
            }
            CertificateTerm::Ended => {
                tracing::error!(peer.id = %peer, subject, end, "ALERT the certificate for a peer has ended; set a new one with setPeerTls");
            }
        }
    }
    Ok(())
}
