//! Quotes: amounts, rates and instants without loss.
//! Making quotes is tested in `services/payments`.

use std::time::Duration;

use money::{AssetAmount, Ratio};
use payments_model::quote::{IlpQuoteDetails, LARGEST_AMOUNT, Quote, QuoteMethod};
use testkit::on_each_database;
use uuid::Uuid;

use super::{OPERATOR, add_asset, now, open, wallet_address};

on_each_database! {
    async fn the_largest_amounts_exact_rates_and_single_milliseconds_come_back(database) {
        let store = open(&database).await;
        let asset = add_asset(&store, "USD", 7).await.unwrap();
        let ann = wallet_address(&asset, "https://a.example/ann", 1);
        let rate = |numerator: u128| Ratio::new(numerator, 3 * u128::from(u64::MAX)).unwrap();
        let quote = Quote {
            id: Uuid::from_u128(9).into(),
            tenant_id: OPERATOR,
            wallet_address_id: ann.id,
            asset: asset.clone(),
            receiver: format!("https://b.example/{}", "x".repeat(1000)),
            debit_amount: LARGEST_AMOUNT,
            debit_amount_minus_fees: LARGEST_AMOUNT - 1,
            receive_amount: AssetAmount { value: LARGEST_AMOUNT, asset: asset.asset.clone() },
            estimated_rate: rate(1 << 100),
            fee_id: None,
            client: None,
            method: QuoteMethod::Ilp(IlpQuoteDetails {
                max_packet_amount: LARGEST_AMOUNT,
                min_rate: rate(1),
                low_rate: rate(2),
                high_rate: rate(u128::from(u64::MAX)),
            }),
            expires_at: now() + Duration::from_millis(1),
            created_at: now(),
        };
        let unit = store.begin().await.unwrap();
        unit.tenant(OPERATOR).insert_wallet_address(&ann).await.unwrap();
        unit.tenant(OPERATOR).insert_quote(&quote).unwrap();
        unit.commit().await.unwrap();
        assert_eq!(store.tenant(OPERATOR).quote(quote.id).await.unwrap(), Some(quote));
    }
}
