//! What became of the packets of an outgoing payment.
//! Where it is noted is in `payments-model`.

use async_graphql::SimpleObject;
use money::Asset;
use payments_model::DeliveryRecord;
use payments_model::delivery_record::Stretch;

use crate::scalars::UInt64;
use crate::types::amount::Amount;

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct OutgoingPaymentDelivery {
    delivered_amount: Amount,
    rejected: Vec<RejectedPackets>,
    stretches: Vec<DeliveryStretch>,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct RejectedPackets {
    code: String,
    count: UInt64,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct DeliveryStretch {
    from: String,
    fulfilled: UInt64,
    rejected: UInt64,
    debited: UInt64,
    delivered: UInt64,
}

impl OutgoingPaymentDelivery {
    /// The record of a payment to a receiver of this asset.
    pub(crate) fn of(record: &DeliveryRecord, asset: &Asset) -> Self {
        let rejected = record.rejected.iter();
        Self {
            delivered_amount: Amount::new(record.delivered, asset),
            rejected: rejected
                .map(|(code, count)| RejectedPackets { code: code.clone(), count: UInt64(*count) })
                .collect(),
            stretches: record.stretches.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Stretch> for DeliveryStretch {
    fn from(stretch: &Stretch) -> Self {
        Self {
            from: stretch.from.to_string(),
            fulfilled: UInt64(stretch.fulfilled),
            rejected: UInt64(stretch.rejected),
            debited: UInt64(stretch.moved.debited),
            delivered: UInt64(stretch.moved.delivered),
        }
    }
}

#[cfg(test)]
mod tests {
    use clock::Timestamp;
    use payments_model::outgoing_payment::Progress;

    use super::*;

    #[test]
    fn a_record_is_told_with_its_codes_and_its_amounts() {
        let mut record = DeliveryRecord::default();
        record.fulfilled(Timestamp::from_millis(1000), Progress { debited: 100, delivered: 90 });
        record.rejected(Timestamp::from_millis(2000), "T04");
        let told = OutgoingPaymentDelivery::of(&record.delivered(90), &Asset::new("EUR", 2).unwrap());
        assert_eq!((told.rejected[0].code.as_str(), told.rejected[0].count.0), ("T04", 1));
        let [first, second] = &told.stretches[..] else { panic!("{told:?}") };
        assert_eq!((first.fulfilled.0, first.debited.0, first.delivered.0), (1, 100, 90));
        assert_eq!((second.from.as_str(), second.rejected.0), ("1970-01-01T00:00:02.000Z", 1));
    }
}
