//! The version of a database of the original, found from the migrations that it lists.
//!
//! Reading that list is in an adapter.

/// The two databases of an institution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Payments, peers, wallet addresses and the ledger.
    Backend,
    /// Grants and tokens.
    Auth,
}

impl Side {
    /// The migrations of Rafiki 2.4, oldest first.
    pub const fn migrations(self) -> &'static [&'static str] {
        match self {
            Self::Backend => BACKEND,
            Self::Auth => AUTH,
        }
    }

    /// The table that lists the migrations.
    pub const fn migrations_table(self) -> &'static str {
        match self {
            Self::Backend => "knex_migrations",
            Self::Auth => "auth_knex_migrations",
        }
    }

    /// Its name in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Auth => "auth",
        }
    }
}

/// Why a database is not one of Rafiki 2.4.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownVersion {
    /// The list of migrations is empty or missing.
    #[error("it is not a {} database of Rafiki: the table {} is missing or empty", .0.as_str(), .0.migrations_table())]
    NotRafiki(Side),
    /// A migration is running, or was interrupted.
    #[error(
        "a migration of Rafiki is running or was interrupted (its lock is taken); start Rafiki 2.4, and wait until it has \
         finished"
    )]
    Locked,
    /// Some migrations of 2.4 are missing.
    #[error(
        "it is of a version before Rafiki 2.4: {missing} migrations are missing, the first is {first}; the nearest known \
         version is 2.4. Start Rafiki 2.4 once on it, then repeat this command"
    )]
    Older {
        /// The number of missing migrations.
        missing: usize,
        /// The first of them.
        first: &'static str,
    },
    /// It has migrations that are unknown here.
    #[error(
        "it has migrations that Rafiki 2.4 does not have ({}); the nearest known version is 2.4. What they changed would be \
         lost", .0.join(", ")
    )]
    Newer(Vec<String>),
}

/// Checks that these are exactly the migrations of Rafiki 2.4.
pub fn recognise(side: Side, booked: &[String]) -> Result<(), UnknownVersion> {
    let bare = |name: &String| name.strip_suffix(".js").or(name.strip_suffix(".ts")).unwrap_or(name).to_owned();
    let booked: Vec<String> = booked.iter().map(bare).collect();
    let known = side.migrations();
    if booked.is_empty() {
        return Err(UnknownVersion::NotRafiki(side));
    }
    let unknown: Vec<String> = booked.iter().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    if !unknown.is_empty() {
        return Err(UnknownVersion::Newer(unknown));
    }
    let missing: Vec<&'static str> =
        known.iter().copied().filter(|name| !booked.iter().any(|there| there == name)).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(UnknownVersion::Older { missing: missing.len(), first }),
    }
}

const BACKEND: &[&str] = &[
    "20210422134422_create_events_table",
    "20210422194130_create_assets_table",
    "20211012172409_create_payment_pointers_table",
    "20211026133430_create_peers_table",
    "20211029103842_create_http_tokens_table",
    "20220131110501_create_webhook_events_table",
    "20220819120358_create_payment_pointer_keys_table",
    "20220908085845_create_incoming_payments_table",
    "20221005181411_create_auth_servers_table",
    "20221012013413_create_grants_table",
    "20221012205150_create_quotes_table",
    "20221129213740_create_outgoing_payment_grants_table",
    "20221129213751_create_outgoing_payments_table",
    "20230201133042_create_ledger_accounts_table",
    "20230202124709_create_ledger_transfers_table",
    "20230629094019_drop_events_table",
    "20230629094400_add_deactivatedat_payment_pointers",
    "20230629122543_update_payments_tables",
    "20230718142550_create_combined_payments_view",
    "20230731141948_create_fee_table",
    "20230814152458_add_fee_quotes",
    "20230904145439_rename-quote-sendamountvalue",
    "20230907130701_add_peer_index",
    "20230912091917_add_liquidityThreshold_assets",
    "20230912091925_add_liquidityThreshold_peers",
    "20230918113102_rename_payment_pointer_tables",
    "20230927223235_make_quotes_generic",
    "20231019142543_drop_connections_from_incoming_payment",
    "20231121184537_add_resource_fkeys_webhook_event",
    "20240502132505_add_deleted_at_to_assets",
    "20240524102509_update_quote_ratio_columns",
    "20240528184537_create_wallet_add_props",
    "20240729210134_incoming_payment_cancel_approved_timestamp",
    "20240820101201_add_deleted_at_grants",
    "20240820161040_add_ledger_transfer_constraint",
    "20240916181643_require_estimated_exchange_rate",
    "20240916181659_add_ilp_quote_details",
    "20240916182716_drop_quote_ilp_fields",
    "20240916185330_add_quote_source_amount",
    "20241119125038_add_unique_constraint_to_kid",
    "20241125224212_create_tenants_table",
    "20241205153035_seed_operator_tenant",
    "20241208214023_add_tenant_id_to_quote",
    "20241216160130_backfill_tenant_on_assets",
    "20241223104532_add_tenant_id_to_outgoing_payments",
    "20250117112902_add_tenant_to_wallet_address",
    "20250117205655_create_tenant_settings_table",
    "20250120101610_add_tenant_to_incoming_payments",
    "20250214141958_add_tenant_to_peer",
    "20250218191304_add_tenant_to_webhooks",
    "20250301103930_rename_wallet_address_url_to_address",
    "20250301203110_unique_tenant_settings_key",
    "20250409175316_create_webhooks_table",
    "20250605095446_add_routes_to_peers",
    "20250625121526_replace_combined_payments_view",
    "20250708070748_create_outgoing_payment_card_table",
    "20250807210658_add_metadata_to_webhooks",
    "20250814213541_add_intiated_by_to_incoming_payment",
    "20250827153829_drop_peer_id_from_outgoing_payments",
    "20250917082624_add_request_id_to_outgoing_payment_card_details",
    "20250917082746_add_initiated_by_to_outgoing_payment",
    "20250919105030_update_outgoing_payment_card_details_data",
    "20251003090838_add_sender_wallet_address_to_incoming_payment",
    "20251126191852_add_sender_data_to_outgoing_payment",
    "20260115000000_add_outgoing_payment_grant_spent_amounts_table",
    "20260115000001_add_interval_op_grant_table",
    "20260531185012_add_cancellation_reason_to_incoming_payment",
    "20260609123924_add_deleted_at_to_incoming_payment",
];

const AUTH: &[&str] = &[
    "20220504161932_create_grants_table",
    "20220504163005_create_access_token_table",
    "20220504163024_create_accesses_table",
    "20230810154819_create_interactions_table",
    "20230907201006_rename-limits-jsonb-keys",
    "20230925183132_add_finalization_reason_grants",
    "20231214184608_add_last_continued_at_drop_wait_grants",
    "20240802171939_add_revoked_at_to_access_tokens",
    "20241125233415_create_tenants_table",
    "20241205153036_seed_operator_tenant",
    "20241206232423_add_tenant_to_grant",
    "20250509114109_create_subject_table",
    "20251007160028_seed_operator_tenant_api_secret",
    "20260212120000_add_jwk_make_client_optional",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn booked(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("{name}.js")).collect()
    }

    #[test]
    fn the_migrations_of_2_4_are_recognised_and_no_others() {
        for side in [Side::Backend, Side::Auth] {
            let all = side.migrations();
            assert_eq!(recognise(side, &booked(all)), Ok(()));
            let older = recognise(side, &booked(&all[..all.len() - 2]));
            assert_eq!(older, Err(UnknownVersion::Older { missing: 2, first: all[all.len() - 2] }));
            let newer = recognise(side, &booked(&[all, &["20270101000000_more"]].concat()));
            assert_eq!(newer, Err(UnknownVersion::Newer(vec!["20270101000000_more".to_owned()])));
            assert_eq!(recognise(side, &[]), Err(UnknownVersion::NotRafiki(side)));
        }
    }
}
