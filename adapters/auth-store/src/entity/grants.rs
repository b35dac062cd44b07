//! Rows of `grants`: the grant, its rights and its interaction with the owner.
//!
//! It does not check values: client, rights and subject are stored as the JSON of the API, and their types check it
//! when they are read.

use auth_model::{
    Choice, ClientDisplay, Continuation, ContinueId, Finish, FinishUri, Grant, GrantId, GrantState, InteractRef,
    Interaction, InteractionId, TenantId,
};
use clock::Timestamp;
use database::Error;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::entity::prelude::*;
use url::Url;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "grants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub client: String,
    pub access: String,
    pub subject: Option<String>,
    pub state: String,
    pub finalization_reason: Option<String>,
    pub continue_id: Uuid,
    pub continue_hash: Vec<u8>,
    pub last_continued_at: i64,
    pub interaction_id: Option<Uuid>,
    pub interaction_nonce: Option<String>,
    pub interact_ref: Option<Uuid>,
    pub interaction_expires_at: Option<i64>,
    pub choice: Option<String>,
    pub client_name: Option<String>,
    pub client_uri: Option<String>,
    pub finish_uri: Option<String>,
    pub finish_nonce: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(belongs_to = "super::tenants::Entity", from = "Column::TenantId", to = "super::tenants::Column::Id")]
    Tenant,
}

impl ActiveModelBehavior for ActiveModel {}

/// State and finalization reason, in the words of the Admin API.
pub(crate) const fn words(state: GrantState) -> (&'static str, Option<&'static str>) {
    match state {
        GrantState::Pending => ("PENDING", None),
        GrantState::Approved => ("APPROVED", None),
        GrantState::Issued => ("FINALIZED", Some("ISSUED")),
        GrantState::Rejected => ("FINALIZED", Some("REJECTED")),
        GrantState::Revoked => ("FINALIZED", Some("REVOKED")),
    }
}

fn state(state: &str, reason: Option<&str>) -> Option<GrantState> {
    let all =
        [GrantState::Pending, GrantState::Approved, GrantState::Issued, GrantState::Rejected, GrantState::Revoked];
    all.into_iter().find(|candidate| words(*candidate) == (state, reason))
}

fn choice(word: &str) -> Option<Choice> {
    [Choice::Pending, Choice::Approved, Choice::Denied].into_iter().find(|choice| choice.as_str() == word)
}

impl Model {
    pub(crate) fn into_grant(self) -> Result<Grant, Error> {
        let broken = |column| Error::inconsistent("grants", column, self.id);
        let subject = self.subject.as_deref().map(serde_json::from_str).transpose();
        Ok(Grant {
            id: GrantId::from_uuid(self.id),
            tenant: TenantId::from_uuid(self.tenant_id),
            client: serde_json::from_str(&self.client).map_err(|_| broken("client"))?,
            access: serde_json::from_str(&self.access).map_err(|_| broken("access"))?,
            subject: subject.map_err(|_| broken("subject"))?,
            continuation: Continuation {
                id: ContinueId::from_uuid(self.continue_id),
                token: super::hash(&self.continue_hash, "grants", "continue_hash", self.id)?,
                last_used_at: Timestamp::from_millis(self.last_continued_at),
            },
            state: state(&self.state, self.finalization_reason.as_deref()).ok_or_else(|| broken("state"))?,
            created_at: Timestamp::from_millis(self.created_at),
            interaction: match self.interaction_id {
                None => None,
                Some(id) => Some(self.interaction(id).ok_or_else(|| broken("interaction_id"))?),
            },
        })
    }

    /// `None` if one of the columns that belong together is missing.
    fn interaction(&self, id: Uuid) -> Option<Interaction> {
        let finish = match &self.finish_uri {
            None => None,
            Some(uri) => {
                Some(Finish { uri: FinishUri::from_kept(Url::parse(uri).ok()?), nonce: self.finish_nonce.clone()? })
            }
        };
        Some(Interaction {
            id: InteractionId::from_uuid(id),
            nonce: self.interaction_nonce.clone()?,
            reference: InteractRef::from_uuid(self.interact_ref?),
            expires_at: Timestamp::from_millis(self.interaction_expires_at?),
            choice: choice(self.choice.as_deref()?)?,
            client: ClientDisplay { name: self.client_name.clone()?, uri: self.client_uri.clone()? },
            finish,
        })
    }
}

/// Makes the row of a new grant.
pub(crate) fn row_of(grant: &Grant) -> Result<ActiveModel, Error> {
    let json = |what: Result<String, serde_json::Error>| what.map_err(|_| Error::OutOfRange { what: "a grant" });
    let interaction = grant.interaction.as_ref();
    let finish = interaction.and_then(|interaction| interaction.finish.as_ref());
    let (state, reason) = words(grant.state);

    Ok(ActiveModel {
        id: Set(grant.id.as_uuid()),
        tenant_id: Set(grant.tenant.as_uuid()),
        client: Set(json(serde_json::to_string(&grant.client))?),
        access: Set(json(serde_json::to_string(&grant.access))?),
        subject: Set(grant.subject.as_ref().map(|subject| json(serde_json::to_string(subject))).transpose()?),
        state: Set(state.to_owned()),
        finalization_reason: Set(reason.map(str::to_owned)),
        continue_id: Set(grant.continuation.id.as_uuid()),
        continue_hash: Set(grant.continuation.token.as_bytes().to_vec()),
        last_continued_at: Set(grant.continuation.last_used_at.as_millis()),
        interaction_id: Set(interaction.map(|interaction| interaction.id.as_uuid())),
        interaction_nonce: Set(interaction.map(|interaction| interaction.nonce.clone())),
        interact_ref: Set(interaction.map(|interaction| interaction.reference.as_uuid())),
        interaction_expires_at: Set(interaction.map(|interaction| interaction.expires_at.as_millis())),
        choice: Set(interaction.map(|interaction| interaction.choice.as_str().to_owned())),
        client_name: Set(interaction.map(|interaction| interaction.client.name.clone())),
        client_uri: Set(interaction.map(|interaction| interaction.client.uri.clone())),
        finish_uri: Set(finish.map(|finish| finish.uri.as_url().to_string())),
        finish_nonce: Set(finish.map(|finish| finish.nonce.clone())),
        created_at: Set(grant.created_at.as_millis()),
        updated_at: Set(grant.created_at.as_millis()),
    })
}

/// The columns of an existing row that transitions change.
pub(crate) fn change_of(grant: &Grant, now: Timestamp) -> ActiveModel {
    let (state, reason) = words(grant.state);
    ActiveModel {
        id: Unchanged(grant.id.as_uuid()),
        state: Set(state.to_owned()),
        finalization_reason: Set(reason.map(str::to_owned)),
        last_continued_at: Set(grant.continuation.last_used_at.as_millis()),
        choice: Set(grant.interaction.as_ref().map(|interaction| interaction.choice.as_str().to_owned())),
        updated_at: Set(now.as_millis()),
        ..Default::default()
    }
}
