//! The rows of the tables. They never leave this crate.
//! Their conversion to values of the model is in the files of the entities.

pub(crate) mod asset;
pub(crate) mod auth_server;
pub(crate) mod fee;
pub(crate) mod held_grant;
pub(crate) mod incoming_payment;
pub(crate) mod outgoing_payment;
pub(crate) mod outgoing_payment_card_detail;
pub(crate) mod outgoing_payment_grant;
pub(crate) mod outgoing_payment_grant_spending;
pub(crate) mod outgoing_payment_grant_spent;
pub(crate) mod packet_in_flight;
pub(crate) mod partial_payment;
pub(crate) mod peer;
pub(crate) mod peer_health;
pub(crate) mod peer_incoming_token;
pub(crate) mod peer_tls;
pub(crate) mod peering_asked_for;
pub(crate) mod quote;
pub(crate) mod tenant;
pub(crate) mod tenant_old_secret;
pub(crate) mod tenant_setting;
pub(crate) mod wallet_address;
pub(crate) mod wallet_address_key;
pub(crate) mod wallet_address_property;
pub(crate) mod webhook_attempt;
pub(crate) mod webhook_delivery;
pub(crate) mod webhook_endpoint;
pub(crate) mod webhook_event;
