//! The periods of subscriptions and budgets: when each begins, and when the shop looks at one that has not.
//!
//! Charging is in `subscriptions` and `budgets`.

use std::time::Duration;

use clock::Timestamp;
use gnap::{RepeatingInterval, Window};
use uuid::Uuid;

use crate::orders::{Means, Order, Purpose, Stage, Transfer};

/// Authorization servers forget a token some time after its end (this release after 30 days), and then it cannot be
/// exchanged. So it is exchanged more often than that.
pub(crate) const RENEWED_EVERY: Duration = Duration::from_hours(7 * 24);

/// When the shop looks at a period that begins then.
pub(crate) fn next_look(now: Timestamp, begins: Timestamp) -> Timestamp {
    begins.min(now.saturating_add(RENEWED_EVERY))
}

/// Each month from the order on, without an end.
pub(crate) fn interval(order: &Order) -> Option<RepeatingInterval> {
    let from = Timestamp::from_millis(order.created_at.as_millis().div_euclid(1000) * 1000);
    format!("R/{from}/P1M").parse().ok()
}

/// The further period of a subscription.
pub(crate) fn following(order: &Order, period: u32, begins: Timestamp, id: Uuid) -> Transfer {
    Transfer {
        id,
        order: order.id,
        purpose: Purpose::Charge,
        period,
        value: order.value,
        stage: Stage::Begun,
        version: 0,
        attempts: 0,
        created_at: begins,
    }
}

/// The first further period of a right. That of a budget never begins: at it the shop only keeps the token alive.
pub(crate) fn first_following(order: &Order, window: Window, id: Uuid) -> Transfer {
    let begins = match order.means {
        Means::Opens { .. } => Timestamp::from_millis(i64::MAX),
        Means::Asked | Means::From(_) => window.end,
    };
    following(order, 1, begins, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_exchanged_each_week_until_its_period_begins() {
        let day = |n: i64| Timestamp::from_millis(n * 86_400_000);
        assert_eq!(next_look(day(0), day(31)), day(7));
        assert_eq!(next_look(day(28), day(31)), day(31));
        assert_eq!(next_look(day(40), day(31)), day(31));
    }
}
