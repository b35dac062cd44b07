//! Identifiers of the authorization server's entities, one type each.
//! Secrets are no ids; they are in `secret`.

use entity_id::entity_id;

entity_id!(
    /// An account-servicing entity, as in the backend.
    TenantId
);
entity_id!(
    /// A grant.
    GrantId
);
entity_id!(
    /// Names a grant in its continuation URL.
    ContinueId
);
entity_id!(
    /// Names an access token in its management URL.
    ManagementId
);
entity_id!(
    /// An interaction with a resource owner.
    InteractionId
);
entity_id!(
    /// What the browser brings back to the client as `interact_ref`.
    InteractRef
);
