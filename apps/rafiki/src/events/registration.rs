//! The endpoint that `rafiki listen` registers at an instance for as long as it runs.
//!
//! Its URL names its own id. So an endpoint that a killed command has left is recognised: the instance calls it, and
//! nobody answers with that id. No file is needed for that.

use admin_client::{AdminError, EndpointView, ErrorCode, Mutation};
use clock::{Entropy, SystemEntropy};
use payments_model::webhook_event::EventType;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::asked::Asked;
use crate::failure::Failure;

/// The beginning of the path of every such endpoint.
const PREFIX: &str = "/rafiki-listen/";

/// The name of one run of `rafiki listen`, in the path of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(Uuid);

impl Name {
    pub(crate) fn random() -> Self {
        Self(SystemEntropy.uuid())
    }

    /// The path at which the events arrive.
    pub(crate) fn path(self) -> String {
        format!("{PREFIX}{}", self.0)
    }

    /// The answer to a test call.
    pub(crate) fn answer(self) -> String {
        self.0.to_string()
    }

    fn of(url: &Url) -> Option<Self> {
        url.path().strip_prefix(PREFIX)?.parse().ok().map(Self)
    }
}

/// A registered endpoint.
pub(crate) struct Registered {
    endpoint: Uuid,
    /// The secret that the instance made, if none was given.
    pub(crate) made_secret: Option<String>,
}

/// Registers an endpoint at `base`, and removes those that killed commands have left. Returns how many these were.
pub(crate) async fn register(
    asked: &Asked,
    base: &Url,
    name: Name,
    types: &[EventType],
    secret: Option<&str>,
) -> Result<(Registered, usize), Failure> {
    let refused = |error| asked.refused(error);
    let removed = remove_left(asked).await.map_err(refused)?;

    let mut url = base.clone();
    url.set_path(&name.path());
    // Events about grants are sent to those who name their types only, so every type is named.
    let types = if types.is_empty() { EventType::ALL } else { types };
    let types: Vec<&str> = types.iter().map(|kind| kind.as_str()).collect();
    let mut input = json!({"url": url, "eventTypes": types, "idempotencyKey": name.answer()});
    if let Some(secret) = secret {
        input["secret"] = json!(secret);
    }
    let made = match asked.institution.admin.change(Mutation::CreateWebhookEndpoint, input).await {
        Ok(made) => made,
        Err(error) => {
            // It may have been registered although no answer came. If this fails, too, the next run removes it.
            let _ = remove_named(asked, name).await;
            return Err(refused(error));
        }
    };
    let id = made.pointer("/webhookEndpoint/id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let endpoint = id.ok_or_else(|| refused(AdminError::Unexpected(made.to_string())))?;
    let made_secret = made["secret"].as_str().filter(|_| secret.is_none()).map(str::to_owned);
    Ok((Registered { endpoint, made_secret }, removed))
}

impl Registered {
    /// Removes the endpoint. It is no error if another program has removed it.
    pub(crate) async fn remove(&self, asked: &Asked) -> Result<(), Failure> {
        delete(asked, self.endpoint).await.map_err(|error| {
            let reason = asked.refused(error);
            Failure::Check(format!(
                "the endpoint {} was not removed ({reason}); the next `rafiki listen` removes it",
                self.endpoint
            ))
        })
    }
}

async fn delete(asked: &Asked, endpoint: Uuid) -> Result<(), AdminError> {
    match asked.institution.admin.change(Mutation::DeleteWebhookEndpoint, json!({"id": endpoint})).await {
        Err(error) if !error.is(&ErrorCode::NotFound) => Err(error),
        _ => Ok(()),
    }
}

/// Removes the endpoint of this run, if the instance has it.
async fn remove_named(asked: &Asked, name: Name) -> Result<(), AdminError> {
    for endpoint in asked.institution.admin.webhook_endpoints(None).await? {
        if name_of(&endpoint) == Some(name) {
            delete(asked, endpoint.id).await?;
        }
    }
    Ok(())
}

/// Removes the endpoints of commands that have ended without removing them.
async fn remove_left(asked: &Asked) -> Result<usize, AdminError> {
    let mut removed = 0;
    for endpoint in asked.institution.admin.webhook_endpoints(None).await? {
        let Some(name) = name_of(&endpoint) else { continue };
        let test = asked.institution.admin.change(Mutation::TestWebhookEndpoint, json!({"id": endpoint.id})).await;
        let answered = match test {
            Ok(answer) => answer.pointer("/attempt/body").and_then(Value::as_str) == Some(&name.answer()),
            // Another command that starts now has removed it.
            Err(error) if error.is(&ErrorCode::NotFound) => continue,
            Err(error) => return Err(error),
        };
        if !answered {
            delete(asked, endpoint.id).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn name_of(endpoint: &EndpointView) -> Option<Name> {
    Name::of(&Url::parse(endpoint.url.as_deref()?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_endpoint_of_this_command_is_recognised() {
        let name = Name::random();
        let of = |text: &str| Name::of(&Url::parse(text).unwrap());
        assert_eq!(of(&format!("http://127.0.0.1:4567{}", name.path())), Some(name));
        for other in ["https://shop.example/hooks", "https://shop.example/rafiki-listen/", "https://h/rafiki-listen/x"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
