//! Decides about a grant request: it is granted at once, it needs the owner's consent, or it is refused.
//!
//! Only the client's identity is certain, because its signature was verified. All other data is the client's own
//! statement.

use gnap::{AccessItem, Client, GrantRequest, Subject, WebUrl};
use url::Url;

use crate::consent::ConsentPolicy;
use crate::finish::{FinishUri, FinishUriPolicy, InvalidFinishUri};
use crate::interaction::Finish;
use crate::tenant::Tenant;

/// Why a grant request is refused. There is one variant for each reason that the client can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// The request has neither rights nor a statement about a person.
    #[error("subject or access_token required")]
    NothingRequested,
    /// Consent is needed, but the request names no owner.
    #[error("access identifier required")]
    IdentifierRequired,
    /// Consent is needed, but the client offers no way to ask for it.
    #[error("missing required request field 'interact'")]
    InteractRequired,
    /// Consent is needed, but the tenant has no consent page.
    #[error("invalid tenant")]
    NoIdentityProvider,
    /// The owner must see the client's name, but a bare key has none.
    #[error("JWK client identifier cannot be used for interactive grants")]
    NamelessClient,
    /// The subject is not a URL.
    #[error("subject id must be a valid https url")]
    SubjectId,
    /// The browser may not be redirected to the finish address.
    #[error(transparent)]
    FinishUri(#[from] InvalidFinishUri),
}

/// The data for the owner's consent, which is needed before anything is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The client. Its wallet address has its name.
    pub client: WebUrl,
    /// Where the browser goes afterwards, if anywhere.
    pub finish: Option<Finish>,
}

/// The data for the owner's consent to a request at `tenant`; `None` if the request may be granted at once.
pub fn examine(
    request: &GrantRequest,
    tenant: &Tenant,
    policy: ConsentPolicy,
    finish_uris: &FinishUriPolicy,
) -> Result<Option<Question>, RequestRefusal> {
    if request.access().is_empty() && request.subject.is_none() {
        return Err(RequestRefusal::NothingRequested);
    }
    let mut asks: Vec<&AccessItem> = request.access().iter().filter(|item| policy.requires_consent(item)).collect();
    if asks.is_empty() && request.subject.is_none() {
        return Ok(None);
    }

    asks.retain(|item| item.identifier().is_none());
    if !asks.is_empty() {
        return Err(RequestRefusal::IdentifierRequired);
    }
    let interact = request.interact.as_ref().ok_or(RequestRefusal::InteractRequired)?;
    if tenant.identity_provider.is_none() {
        return Err(RequestRefusal::NoIdentityProvider);
    }

    let Client::WalletAddress(client) = &request.client else {
        return Err(RequestRefusal::NamelessClient);
    };
    if request.subject.as_ref().is_some_and(|subject| !names_urls(subject)) {
        return Err(RequestRefusal::SubjectId);
    }

    let finish = match &interact.finish {
        Some(finish) => Some(Finish { uri: FinishUri::new(&finish.uri, finish_uris)?, nonce: finish.nonce.clone() }),
        None => None,
    };
    Ok(Some(Question { client: client.clone(), finish }))
}

fn names_urls(subject: &Subject) -> bool {
    subject.sub_ids.iter().all(|id| Url::parse(&id.id).is_ok())
}
