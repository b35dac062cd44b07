//! What a change changes: each value before and after, with amounts in the scale of their asset.
//!
//! The audit log and the requests for approval show it. The input itself is made by the pages with the forms.

use page_kit::numbers;
use serde_json::{Map, Value};

use crate::reading::Reading;
use crate::view::{Cell, Money};

/// Members that are the change itself, not its values.
const OF_THE_CHANGE: [&str; 2] = ["id", "idempotencyKey"];
/// Members that have the amount that a change moves, in the smallest unit of its asset.
const MOVED: [&str; 3] = ["amount", "initialLiquidity", "liquidityToDeposit"];
/// Other members that are amounts in the smallest unit.
const AMOUNTS: [&str; 5] = ["amount", "fixed", "liquidityThreshold", "maxPacketAmount", "withdrawalThreshold"];

/// A value of a change.
pub(crate) struct Changed<'a> {
    /// The member of the input. A member of a member has the name of the inner one.
    pub(crate) name: &'a str,
    /// `None` if it is not known.
    pub(crate) before: Option<&'a Value>,
    pub(crate) after: &'a Value,
}

/// The changed values of `input`, without those that are equal to the ones `before`. If the change moves an amount, this is
/// told elsewhere.
pub(crate) fn changed<'a>(input: &'a Value, before: &'a Value, moves: Option<&Money>) -> Vec<Changed<'a>> {
    let mut found = Vec::new();
    if let Value::Object(members) = input {
        collect(members, before, before, &mut found);
    }
    found.retain(|one| {
        let is_told = OF_THE_CHANGE.contains(&one.name) || (moves.is_some() && MOVED.contains(&one.name));
        !is_told && one.before != Some(one.after)
    });
    found
}

/// `beside` are the old values at the same place. Where the place is another one, `all` of them are looked through.
fn collect<'a>(members: &'a Map<String, Value>, beside: &'a Value, all: &'a Value, found: &mut Vec<Changed<'a>>) {
    for (name, after) in members {
        let before = beside.get(name).or_else(|| all.get(name));
        match after {
            Value::Object(inner) if amount(inner).is_none() => {
                collect(inner, before.unwrap_or(&Value::Null), all, found);
            }
            after => found.push(Changed { name, before, after }),
        }
    }
}

/// An amount with its asset.
fn amount(members: &Map<String, Value>) -> Option<(u64, &str, u8)> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let scale = members.get("assetScale")?.as_u64()?.try_into().ok()?;
    Some((text("value")?.parse().ok()?, text("assetCode")?, scale))
}

/// A value of a member, with amounts in their asset. `scale` is that of amounts without an asset of their own.
pub(crate) fn shown(name: &str, value: &Value, scale: Option<u8>, words: Reading) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => {
            if let ("type", Some(kind)) = (name, fee_kind(text)) {
                return words.t(kind).to_owned();
            }
            let scale = scale.filter(|_| AMOUNTS.contains(&name));
            let decimal = scale.and_then(|scale| Some(numbers::decimal(text.parse().ok()?, scale, words)));
            decimal.unwrap_or_else(|| text.clone())
        }
        Value::Object(members) => match amount(members) {
            Some((value, code, scale)) => format!("{} {code}", numbers::decimal(value, scale, words)),
            None => value.to_string(),
        },
        value => value.to_string(),
    }
}

fn fee_kind(text: &str) -> Option<&'static str> {
    match text {
        "SENDING" => Some("Sending fee"),
        "RECEIVING" => Some("Receiving fee"),
        _ => None,
    }
}

/// The name of a member in words, or as it is.
pub(crate) fn named(name: &str) -> Cell {
    match name {
        "fixed" => Cell::Word("Fixed fee"),
        "basisPoints" => Cell::Word("Basis points"),
        "type" => Cell::Word("Kind"),
        "amount" | "initialLiquidity" | "liquidityToDeposit" => Cell::Word("Amount"),
        "liquidityThreshold" => Cell::Word("Liquidity threshold"),
        "withdrawalThreshold" => Cell::Word("Withdrawal threshold"),
        "maxPacketAmount" => Cell::Word("Max packet amount"),
        name => Cell::text(name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_shown_in_their_asset_and_other_values_as_they_are() {
        let told = |name: &str, value: Value, scale| shown(name, &value, scale, page_kit::Words::English.into());
        assert_eq!(told("liquidityThreshold", json!("123450"), Some(2)), "1,234.50");
        assert_eq!(told("liquidityThreshold", json!("123450"), None), "123450");
        let amount = json!({"value": "5", "assetCode": "JPY", "assetScale": 0});
        assert_eq!(told("incomingAmount", amount, None), "5 JPY");
        assert_eq!(told("name", json!("100"), Some(2)), "100");
        assert_eq!(told("name", Value::Null, Some(2)), "–");
    }

    #[test]
    fn a_value_inside_of_another_is_compared_with_the_old_one_and_equal_ones_are_left_out() {
        let input = json!({
            "assetId": "a", "idempotencyKey": "k", "type": "SENDING", "amount": "7",
            "fee": {"fixed": "25", "basisPoints": 150},
        });
        let before = json!({"fixed": "10", "basisPoints": 150, "type": "SENDING"});
        let moves = Money::new(7, "USD", 2);
        let told = |one: &Changed<'_>| {
            let shown = |value: &Value| shown(one.name, value, Some(2), page_kit::Words::English.into());
            format!("{}: {} → {}", one.name, one.before.map(shown).unwrap_or_default(), shown(one.after))
        };
        let lines: Vec<String> = changed(&input, &before, Some(&moves)).iter().map(told).collect();
        assert_eq!(lines, ["assetId:  → a", "fixed: 0.10 → 0.25"]);
        let nested = json!({"http": {"outgoing": {"endpoint": "new"}}});
        let before = json!({"http": {"outgoing": {"endpoint": "old"}}, "endpoint": "another"});
        assert_eq!(changed(&nested, &before, None)[0].before, Some(&json!("old")));
    }
}
