//! The code flow: the address to send a person to, and what comes back
//! (<https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth>).
//!
//! What is kept between both steps is an [`Attempt`]; the caller keeps it where only the same browser can bring it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use clock::{Clock, Entropy, Timestamp};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use oauth_provider::{Endpoint, Metadata, Places, PublishedKeys, PublishedMetadata};
use outbound_http::{Outbound, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::SignInError;
use crate::id_token::{Expected, check, read};

/// How long a person may take at the provider.
const ATTEMPT_FOR: Duration = Duration::from_mins(10);

/// How this program is known at the provider.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The provider.
    pub issuer: Url,
    /// The name of this client there.
    pub client_id: String,
    /// Its secret; `None` for a public client, which has PKCE only.
    pub client_secret: Option<String>,
    /// Where the provider sends people back to.
    pub redirect_url: Url,
    /// What is asked for, between spaces; `openid` is among it.
    pub scopes: String,
}

/// One attempt to sign in, from its begin to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
    begun_at: Timestamp,
}

/// A person who signed in at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The provider, as it names itself.
    pub issuer: String,
    /// The same for one account at this provider for ever.
    pub subject: String,
    /// All claims of the ID token, and those of the provider's document about the person.
    pub claims: Map<String, Value>,
}

/// This program as a client of one provider. Clones share what is known of it.
#[derive(Clone)]
pub struct RelyingParty(Arc<Inner>);

struct Inner {
    settings: ClientSettings,
    http: Outbound,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    published: PublishedMetadata,
    keys: PublishedKeys,
}

/// The endpoints that signing in needs.
struct Endpoints {
    metadata: Arc<Metadata>,
    authorization: Url,
    token: Url,
    keys: Url,
}

/// How the client shows its secret (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientAuthentication {
    Basic,
    Post,
}

impl Endpoints {
    fn of(metadata: Arc<Metadata>) -> Result<Self, SignInError> {
        let named = |endpoint: Endpoint| {
            let missing = || SignInError::Unusable(format!("its configuration names no {}", endpoint.as_str()));
            metadata.endpoint(endpoint)?.ok_or_else(missing)
        };
        Ok(Self {
            authorization: named(Endpoint::Authorization)?,
            token: named(Endpoint::Token)?,
            keys: named(Endpoint::Keys)?,
            metadata,
        })
    }

    fn client_authentication(&self) -> ClientAuthentication {
        match self.metadata.allows_method("client_secret_basic") {
            Some(false) => ClientAuthentication::Post,
            Some(true) | None => ClientAuthentication::Basic,
        }
    }
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// A refusal of the token endpoint (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

impl RelyingParty {
    /// A client with these settings. Nothing is asked yet.
    pub fn new(settings: ClientSettings, http: Outbound, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let published =
            PublishedMetadata::new(settings.issuer.clone(), Places::OpenId, http.clone(), Arc::clone(&clock));
        let keys = PublishedKeys::new(http.clone(), Arc::clone(&clock));
        Self(Arc::new(Inner { settings, http, clock, entropy, published, keys }))
    }

    /// Begins an attempt: the address to send the person to, and what is kept until the person comes back.
    pub async fn begin(&self) -> Result<(Url, Attempt), SignInError> {
        let endpoints = self.endpoints().await?;
        let secret = || {
            let octets: [u8; 32] = self.0.entropy.bytes();
            URL_SAFE_NO_PAD.encode(octets)
        };
        let attempt = Attempt { state: secret(), nonce: secret(), verifier: secret(), begun_at: self.0.clock.now() };

        let settings = &self.0.settings;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&attempt.verifier));
        let mut url = endpoints.authorization;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &settings.client_id)
            .append_pair("redirect_uri", settings.redirect_url.as_str())
            .append_pair("scope", &settings.scopes)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok((url, attempt))
    }

    /// Ends an attempt with the query with which the provider sent the person back.
    pub async fn finish(&self, attempt: &Attempt, query: &BTreeMap<String, String>) -> Result<Person, SignInError> {
        let query = |name: &str| query.get(name).map(String::as_str);
        let now = self.0.clock.now();
        if query("state") != Some(&attempt.state) || now >= attempt.begun_at + ATTEMPT_FOR {
            return Err(SignInError::OtherAttempt);
        }
        if let Some(error) = query("error") {
            return Err(SignInError::Refused(shown(query("error_description").unwrap_or(error))));
        }
        let endpoints = self.endpoints().await?;
        // RFC 9207: a provider that names itself must be the one that was asked.
        if query("iss").is_some_and(|issuer| issuer != endpoints.metadata.issuer) {
            return Err(SignInError::OtherAttempt);
        }

        let code = query("code").ok_or(SignInError::OtherAttempt)?;
        let tokens = self.exchange(&endpoints, code, &attempt.verifier).await?;
        let claims = self.checked(&endpoints, &tokens.id_token, &attempt.nonce).await?;
        self.person(&endpoints.metadata, claims, tokens.access_token.as_deref()).await
    }

    async fn endpoints(&self) -> Result<Endpoints, SignInError> {
        Endpoints::of(self.0.published.get().await?)
    }

    async fn exchange(&self, endpoints: &Endpoints, code: &str, verifier: &str) -> Result<Tokens, SignInError> {
        let answer = self.0.http.send(self.question(endpoints, code, verifier)).await?;
        if !answer.status.is_success() {
            let refusal = answer.json::<Refusal>();
            let text = refusal.map(|refusal| refusal.error_description.unwrap_or(refusal.error));
            return Err(SignInError::Refused(shown(&text.unwrap_or_else(|_| answer.status.to_string()))));
        }
        answer.json().map_err(|_| SignInError::Unusable("its answer has no ID token".to_owned()))
    }

    /// The request of the tokens for a code (RFC 6749, section 4.1.3).
    fn question(&self, endpoints: &Endpoints, code: &str, verifier: &str) -> Request {
        let settings = &self.0.settings;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", settings.redirect_url.as_str())
            .append_pair("code_verifier", verifier);

        let mut request = self.request(Method::POST, &endpoints.token);
        match (&settings.client_secret, endpoints.client_authentication()) {
            (Some(secret), ClientAuthentication::Basic) => {
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let both = format!("{}:{}", encoded(&settings.client_id), encoded(secret));
                request = request.authorization(&format!("Basic {}", STANDARD.encode(both)));
            }
            (Some(secret), ClientAuthentication::Post) => {
                form.append_pair("client_id", &settings.client_id).append_pair("client_secret", secret);
            }
            (None, _) => {
                form.append_pair("client_id", &settings.client_id);
            }
        }
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.header(CONTENT_TYPE, kind).body(Bytes::from(form.finish()))
    }

    /// The claims of the ID token.
    async fn checked(
        &self,
        endpoints: &Endpoints,
        token: &str,
        nonce: &str,
    ) -> Result<Map<String, Value>, SignInError> {
        let token = read(token)?;
        let request = async { Ok::<_, SignInError>(self.request(Method::GET, &endpoints.keys)) };
        let keys = self.0.keys.for_token(&token, request).await?;
        let expected = Expected {
            issuer: &endpoints.metadata.issuer,
            client_id: &self.0.settings.client_id,
            nonce,
            now: self.0.clock.now(),
        };
        Ok(check(token, &keys, &expected)?)
    }

    /// Adds what the provider says about the person elsewhere
    /// (<https://openid.net/specs/openid-connect-core-1_0.html#UserInfo>). The ID token is signed, so its claims stay.
    async fn person(
        &self,
        metadata: &Metadata,
        mut claims: Map<String, Value>,
        access_token: Option<&str>,
    ) -> Result<Person, SignInError> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let (Some(url), Some(token)) = (metadata.endpoint(Endpoint::Person)?, access_token) {
            let request = self.request(Method::GET, &url).authorization(&format!("Bearer {token}"));
            let answer = self.0.http.send(request).await?;
            // Some providers answer with a signed document here. The ID token is enough then.
            let more: Map<String, Value> = answer.json().unwrap_or_default();
            if answer.status.is_success() && more.get("sub").and_then(Value::as_str) == Some(&subject) {
                for (name, value) in more {
                    claims.entry(name).or_insert(value);
                }
            }
        }
        Ok(Person { issuer: metadata.issuer.clone(), subject, claims })
    }

    /// A request to an endpoint that the provider names. At the configured host the operator chose it. Elsewhere the
    /// address guard applies.
    fn request(&self, method: Method, url: &Url) -> Request {
        let request = Request::new(method, url.clone());
        if url.origin() == self.0.settings.issuer.origin() { request.configured() } else { request }
    }
}

/// A text of the provider, as far as it is shown to people.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}
