//! The object types of the schema, one file per entity: how a value of the model is shown.
//! How a value is found is in `queries`.

pub(crate) mod accounting;
pub(crate) mod amount;
pub(crate) mod asset;
pub(crate) mod delivery;
pub(crate) mod incoming_payment;
pub(crate) mod interfaces;
pub(crate) mod outgoing_payment;
pub(crate) mod page;
pub(crate) mod payment;
pub(crate) mod peer;
pub(crate) mod quote;
pub(crate) mod receiver;
pub(crate) mod tenant;
pub(crate) mod wallet_address;
pub(crate) mod webhook_delivery;
pub(crate) mod webhook_endpoint;
pub(crate) mod webhook_event;
