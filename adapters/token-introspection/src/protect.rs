//! A middleware (tower) that serves a request only if its GNAP token covers what the route needs, and if the client of
//! the token has signed the request.
//!
//! It decides nothing about the object of a request: the handler finds the token as [`ActiveToken`] in the request's
//! extensions.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gnap::{ActiveToken, RequiredAccess, TokenInfo};
use http::header::{AUTHORIZATION, InvalidHeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use tower::{Layer, Service};

use crate::IntrospectionClient;
use crate::binding::{Binding, whole};
use crate::refusal::Refusal;

/// What a route needs, and the client that asks the authorization server.
#[derive(Clone, Debug)]
pub struct Protect {
    client: IntrospectionClient,
    required: RequiredAccess,
    binding: Binding,
    challenge: HeaderValue,
}

impl Protect {
    /// Serves requests whose token covers `required` and is shown by its own client. The answer to all others names
    /// `as_uri` as the place to get a token.
    ///
    /// # Errors
    ///
    /// `as_uri` has a character that no header may have.
    pub fn new(
        client: IntrospectionClient,
        required: RequiredAccess,
        binding: Binding,
        as_uri: &str,
    ) -> Result<Self, InvalidHeaderValue> {
        let challenge = HeaderValue::from_str(&format!("GNAP as_uri=\"{as_uri}\""))?;
        Ok(Self { client, required, binding, challenge })
    }

    /// The token of a request and its body, if the client of the token has signed the request.
    async fn check<B>(&self, head: &Parts, body: B) -> Result<(ActiveToken, Bytes), Denied>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let token = self.granted(&head.headers, head.uri.query()).await?;
        // The signature covers the body.
        let body = whole(body).await.ok_or(Denied::Body)?;
        self.binding.check(head, &body, &token).await.map_err(|reason| {
            tracing::debug!(%reason, "a request is not signed by the client of its token");
            Denied::NotSigned
        })?;
        Ok((token, body))
    }

    /// The part of the required access that the token of a request grants.
    async fn granted(&self, headers: &HeaderMap, query: Option<&str>) -> Result<ActiveToken, Refusal> {
        let token = token(headers, query)?;
        match self.client.introspect(token, vec![self.required.clone()]).await {
            Ok(TokenInfo::Inactive) => Err(Refusal::InvalidToken),
            // The item is checked again here, because another authorization server may have other rules of coverage.
            Ok(TokenInfo::Active(active)) => match active.access.as_slice() {
                [item] if self.required.is_covered_by(item) => Ok(active),
                _ => Err(Refusal::InsufficientScope),
            },
            Err(error) => {
                tracing::warn!(%error, "a token could not be introspected");
                Err(if error.is_unavailable() { Refusal::Unavailable } else { Refusal::InvalidToken })
            }
        }
    }
}

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
enum Denied {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(
        "sign the request with the key of the token's client (RFC 9421): method, target URI, Authorization, and the \
         digest of a body"
    )]
    NotSigned,
    #[error("the body must arrive whole, with 65536 octets at most")]
    Body,
}

impl Denied {
    fn answer<R: From<String>>(&self, challenge: &HeaderValue) -> Response<R> {
        let status = match self {
            Self::Refused(refusal) => return refusal.answer(challenge),
            Self::NotSigned => StatusCode::UNAUTHORIZED,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
        };
        let mut response = Response::new(R::from(self.to_string()));
        *response.status_mut() = status;
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
        }
        response
    }
}

/// The token of `Authorization: GNAP <token>`: one header, one space.
fn token<'a>(headers: &'a HeaderMap, query: Option<&str>) -> Result<&'a str, Refusal> {
    let in_query = query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("access_token=")));
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    if in_query || second.is_some() {
        return Err(Refusal::Malformed);
    }
    let token = first.and_then(|value| value.to_str().ok()?.strip_prefix("GNAP "));
    token.filter(|token| !token.is_empty() && !token.contains(' ')).ok_or(Refusal::Missing)
}

impl<S> Layer<S> for Protect {
    type Service = Protected<S>;

    fn layer(&self, inner: S) -> Protected<S> {
        Protected { protect: self.clone(), inner }
    }
}

/// A service behind [`Protect`].
#[derive(Clone, Debug)]
pub struct Protected<S> {
    protect: Protect,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Protected<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was found ready is the one that is called.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        let protect = self.protect.clone();
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            match protect.check(&head, body).await {
                Ok((token, body)) => {
                    head.extensions.insert(token);
                    inner.call(Request::from_parts(head, B::from(body))).await
                }
                Err(denied) => Ok(denied.answer(&protect.challenge)),
            }
        })
    }
}
