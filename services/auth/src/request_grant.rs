//! `POST /{tenant}`: a client asks for a grant (RFC 9635 section 2).
//!
//! It does not parse HTTP.

use auth_model::{ClientDisplay, Grant, Opened, Question, RequestRefusal, TenantId, examine};
use gnap::redirect::set_query;
use gnap::{GrantRequest, GrantResponse, InteractInstructions, InvalidBody};
use http_signatures::SignedRequest;
use shared_cache::TooMany;
use url::Url;

use crate::clients::check_headers;
use crate::{Auth, ClientError, StoreError};

/// The longest client name shown to owners, in characters.
const CLIENT_NAME_MAX: usize = 100;

/// Why a request gets no grant.
#[derive(Debug, thiserror::Error)]
pub enum RequestGrantError {
    /// The body is not a grant request.
    #[error(transparent)]
    Body(#[from] InvalidBody),
    /// The request is not signed by the client it names.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The client has sent too many requests.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// There is no such tenant.
    #[error("Not Found")]
    NoTenant,
    /// The requested rights cannot be given.
    #[error(transparent)]
    Refused(#[from] RequestRefusal),
    /// The owner must see the client's name, but the client's wallet address has none.
    #[error("missing required request field 'client'")]
    NamelessClient,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Issues a grant at once, or returns the URL at which the owner is asked.
    #[tracing::instrument(name = "auth.grant.request", skip_all, fields(tenant.id = tenant, grant.id))]
    pub async fn request_grant(
        &self,
        tenant: &str,
        request: SignedRequest<'_>,
    ) -> Result<GrantResponse, RequestGrantError> {
        let body = GrantRequest::parse(request.body)?;
        self.authenticate(&check_headers(request)?, &body.client).await?;
        // Counted after the client is verified, so that no other client can use up its count.
        let (limit, client) = (&self.inner.settings.grant_requests_per_client, body.client.identity());
        self.inner.limiter.take(limit, &client).await?;
        let tenant: TenantId = tenant.parse().map_err(|_| RequestGrantError::NoTenant)?;
        let tenant = self.inner.store.get_tenant(tenant).await?.ok_or(RequestGrantError::NoTenant)?;
        let settings = &self.inner.settings;
        let opened = match examine(&body, &tenant, settings.consent, &settings.finish_uris)? {
            None => self.approve_at_once(tenant.id, body),
            Some(question) => self.ask_owner(tenant.id, body, question).await?,
        };
        self.inner.store.open_grant(&opened, self.event_of_new(&opened.grant)).await?;
        tracing::Span::current().record("grant.id", tracing::field::display(opened.grant.id));
        Ok(self.answer(&opened))
    }

    fn approve_at_once(&self, tenant: TenantId, request: GrantRequest) -> Opened {
        let access = request.access_token.map(|token| token.access).unwrap_or_default();
        let (now, entropy) = (self.inner.clock.now(), &*self.inner.entropy);
        Grant::approve_at_once(tenant, request.client, access, &self.inner.settings.terms, now, entropy)
    }

    async fn ask_owner(
        &self,
        tenant: TenantId,
        request: GrantRequest,
        question: Question,
    ) -> Result<Opened, RequestGrantError> {
        let name = self.inner.clients.public_name(&question.client).await.ok().flatten();
        let name = name.filter(|name| !name.trim().is_empty()).ok_or(RequestGrantError::NamelessClient)?;
        let display = ClientDisplay {
            name: name.chars().filter(|c| !c.is_control()).take(CLIENT_NAME_MAX).collect(),
            uri: question.client.as_str().to_owned(),
        };
        let access = request.access_token.map(|token| token.access).unwrap_or_default();
        Ok(Grant::ask_owner(
            tenant,
            request.client,
            access,
            request.subject,
            display,
            question.finish,
            &self.inner.settings.terms,
            self.inner.clock.now(),
            &*self.inner.entropy,
        ))
    }

    fn answer(&self, opened: &Opened) -> GrantResponse {
        let grant = &opened.grant;
        match (&opened.issued, &grant.interaction) {
            (Some(issued), _) => GrantResponse::Approved {
                access_token: self.access_token(grant, issued),
                r#continue: self.continuation(grant, &opened.continue_token, None),
            },
            (None, interaction) => {
                let redirect = interaction.as_ref().map(|interaction| {
                    let page = self.inner.settings.url(&format!("interact/{}/{}", interaction.id, interaction.nonce));
                    let asks = [
                        ("clientName", interaction.client.name.as_str()),
                        ("clientUri", interaction.client.uri.as_str()),
                    ];
                    Url::parse(&page).map_or(page, |page| set_query(&page, &asks).into())
                });

                GrantResponse::Pending {
                    interact: InteractInstructions {
                        redirect: redirect.unwrap_or_default(),
                        finish: interaction.as_ref().map(|interaction| interaction.nonce.clone()).unwrap_or_default(),
                    },
                    r#continue: self.continuation(grant, &opened.continue_token, Some(self.wait_seconds())),
                }
            }
        }
    }
}
