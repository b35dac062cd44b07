//! Whatever a client sends is a request or a refusal with words, and what is written is read back.
//! Chosen documents are tested beside the code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use open_payments::{
    Amount, CreateIncomingPayment, CreateOutgoingPayment, CreateQuote, ErrorBody, IncomingPayment, ListQuery,
    OutgoingPayment, OutgoingPaymentGrant, Quote, ReceiptRequest, WalletAddress, parse_date_time,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Texts that some member of some request would take, and others.
fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "https://wallet.example/alice",
        "https://wallet.example/t/incoming-payments/08394f02-7b7b-45e2-b645-51d04e7c330c",
        "ilp",
        "USD",
        "0",
        "18446744073709551615",
        "9223372036854775807",
        "2026-01-31T12:00:00Z",
        "2026-02-30T25:61:61+99:99",
    ]);
    prop_oneof![known.prop_map(str::to_owned), any::<String>()]
}

/// JSON made of the members requests and resources have.
fn document() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "id",
        "walletAddress",
        "receiver",
        "method",
        "methods",
        "type",
        "debitAmount",
        "receiveAmount",
        "incomingAmount",
        "receivedAmount",
        "sentAmount",
        "value",
        "assetCode",
        "assetScale",
        "expiresAt",
        "createdAt",
        "metadata",
        "quoteId",
        "incomingPayment",
        "completed",
        "failed",
        "error",
        "authServer",
    ]);
    let amount = (text(), text(), any::<u16>())
        .prop_map(|(value, code, scale)| json!({"value": value, "assetCode": code, "assetScale": scale}));
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        4 => amount,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 8, move |inner| {
        let members = prop::collection::vec((names.clone(), inner.clone()), 0..8);
        let object = members.prop_map(|members| members.into_iter().map(|(name, v)| (name.to_owned(), v)).collect());
        prop_oneof![3 => object, 1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array)]
    })
}

fn is_read_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(document: &Value) {
    if let Ok(read) = serde_json::from_value::<T>(document.clone()) {
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<T>(&written).unwrap(), read, "{written}");
    }
}

proptest! {
    #[test]
    fn every_document_is_a_request_or_is_refused_with_its_place(document in document()) {
        let refusals = [
            CreateIncomingPayment::parse(&document).err(),
            CreateOutgoingPayment::parse(&document).err(),
            CreateQuote::parse(&document).err(),
        ];
        for refusal in refusals.into_iter().flatten() {
            prop_assert!(refusal.to_string().starts_with("body"), "{refusal}");
        }
    }

    #[test]
    fn what_is_read_from_another_server_is_written_so_that_it_reads_the_same(document in document()) {
        is_read_back::<Amount>(&document);
        is_read_back::<ErrorBody>(&document);
        is_read_back::<IncomingPayment>(&document);
        is_read_back::<OutgoingPayment>(&document);
        is_read_back::<OutgoingPaymentGrant>(&document);
        is_read_back::<Quote>(&document);
        is_read_back::<WalletAddress>(&document);
    }

    #[test]
    fn amounts_keep_every_digit(value in any::<u64>(), code in "[A-Z]{3}", asset_scale in any::<u8>()) {
        let written = json!({"value": value.to_string(), "assetCode": code, "assetScale": asset_scale});
        let amount: Amount = serde_json::from_value(written.clone()).unwrap();
        prop_assert_eq!(amount.value, value);
        prop_assert_eq!(serde_json::to_value(&amount).unwrap(), written);
    }

    #[test]
    fn a_quote_is_read_back_with_all_it_says(debit in any::<u64>(), receive in any::<u64>(), millis in 0i64..4_000_000_000_000) {
        let amount = |value: u64| json!({"value": value.to_string(), "assetCode": "USD", "assetScale": 2});
        let at = clock::Timestamp::from_millis(millis).to_string();
        let document = json!({
            "id": "https://a/q", "walletAddress": "https://a", "receiver": "https://b/incoming-payments/1",
            "receiveAmount": amount(receive), "debitAmount": amount(debit), "method": "ilp", "createdAt": at, "expiresAt": at,
        });
        let quote: Quote = serde_json::from_value(document.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&quote).unwrap(), document);
    }

    #[test]
    fn no_query_and_no_text_makes_a_reader_panic(
        pairs in prop::collection::vec((prop::sample::select(vec!["wallet-address", "cursor", "first", "last", "x"]), text()), 0..6),
        text in text(), other in prop::option::of(text()),
    ) {
        if let Ok(query) = ListQuery::parse(pairs.iter().map(|(name, value)| (*name, value.as_str()))) {
            let _ = query.page_request();
        }
        let _ = parse_date_time(&text);
        let _ = ReceiptRequest::parse(Some(&text), other.as_deref());
    }
}
