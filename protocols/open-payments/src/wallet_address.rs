//! `GET {wallet address}` (Open Payments wallet address server API): the public document of a wallet address.
//! Its keys are in `http-signatures`.

use std::collections::BTreeMap;

use money::AssetCode;
use serde::{Deserialize, Serialize};

/// The public document of a wallet address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletAddress {
    /// Its URL.
    pub id: String,
    /// Its display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_name: Option<String>,
    /// The code of its asset.
    pub asset_code: AssetCode,
    /// Decimal places of the asset's smallest unit.
    pub asset_scale: u8,
    /// The server that gives grants.
    pub auth_server: String,
    /// The server of its payments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_server: Option<String>,
    /// The server of its cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card_service: Option<String>,
    /// Further public properties.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "BTreeMap::is_empty")]
    pub additional_properties: BTreeMap<String, String>,
}

/// Other servers may send any values here. Only texts are kept.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let members = value.as_object().into_iter().flatten();
    Ok(members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nameless_address_omits_its_name_and_is_read_when_other_servers_write_null() {
        let text = r#"{"id":"https://w.example/a","publicName":null,"assetCode":"USD","assetScale":2,"authServer":"https://x","additionalProperties":{"a":"b","c":1}}"#;
        let read: WalletAddress = serde_json::from_str(text).unwrap();
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            r#"{"id":"https://w.example/a","assetCode":"USD","assetScale":2,"authServer":"https://x","additionalProperties":{"a":"b"}}"#
        );
    }
}
