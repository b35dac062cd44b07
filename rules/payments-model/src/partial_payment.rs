//! A question to the account-servicing entity: does it accept money that came with data from its sender?
//!
//! It contains neither the data nor the packets that wait for the answer.

use std::time::Duration;

use clock::Timestamp;

use crate::{IncomingPaymentId, PartialPaymentId, TenantId};

/// For this time a decision also applies to later packets with the same data.
pub const DECISION_HOLDS_FOR: Duration = Duration::from_hours(1);
/// The maximum number of questions about one payment that wait for an answer at the same time.
pub const OPEN_QUESTIONS_MAX: usize = 16;
/// The maximum number of questions about one payment within [`DECISION_HOLDS_FOR`].
pub const QUESTIONS_MAX: usize = 64;

/// One question. Packets of the same payment with the same data share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialPayment {
    /// Its id.
    pub id: PartialPaymentId,
    /// The tenant that is asked.
    pub tenant_id: TenantId,
    /// The payment that the money is for.
    pub payment: IncomingPaymentId,
    /// The data and the connection of the money.
    pub offer: Offer,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// The latest time for an answer.
    pub until: Timestamp,
    /// Whether it has an answer.
    pub standing: Standing,
}

/// The data and the connection of the money, as digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Equal for equal data.
    pub data: [u8; 32],
    /// Equal for packets of the same STREAM connection.
    pub connection: [u8; 32],
}

/// Whether a question has an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not yet.
    Asked,
    /// The entity has answered.
    Decided {
        /// The answer.
        decision: PartialPaymentDecision,
        /// When it was given.
        at: Timestamp,
    },
    /// A packet was declined because there was no answer in time.
    Unanswered,
}

/// The answer of the account-servicing entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartialPaymentDecision {
    /// It accepts the money.
    Accept,
    /// It does not.
    Reject {
        /// The reason, which is sent to the sender.
        reason: Option<String>,
    },
}

/// Why an answer has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionRefused {
    /// Its packets were declined, or are about to be.
    #[error("the decision is too late")]
    TooLate,
    /// The entity gave the opposite answer, or another reason, before.
    #[error("the partial payment was decided before")]
    DecidedBefore,
}

impl PartialPayment {
    /// Records the answer. Only the first answer counts. It may be repeated.
    pub fn decide(self, decision: PartialPaymentDecision, now: Timestamp) -> Result<Self, DecisionRefused> {
        match &self.standing {
            Standing::Asked if now <= self.until => {
                Ok(Self { standing: Standing::Decided { decision, at: now }, ..self })
            }
            Standing::Asked | Standing::Unanswered => Err(DecisionRefused::TooLate),
            Standing::Decided { decision: first, .. } if *first == decision => Ok(self),
            Standing::Decided { .. } => Err(DecisionRefused::DecidedBefore),
        }
    }

    /// Records that a packet is declined because there is no answer. Keeps an existing answer.
    pub fn give_up(self) -> Self {
        match self.standing {
            Standing::Asked => Self { standing: Standing::Unanswered, ..self },
            Standing::Decided { .. } | Standing::Unanswered => self,
        }
    }
}

/// What happens to a packet that carries data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// The entity has decided.
    Follow(PartialPaymentDecision),
    /// The question is asked, and the packet waits for the answer.
    Wait(PartialPayment),
    /// Another packet of the connection was declined because there was no answer.
    TooLate,
    /// The entity is asked.
    Ask,
    /// Too many questions wait for an answer. The sender may try again.
    Busy,
    /// The entity was asked too often about this payment.
    TooMany,
}

impl Course {
    /// What happens to a packet with this offer. `questions` are those about its payment, asked within
    /// [`DECISION_HOLDS_FOR`], the newest first.
    pub fn of(offer: Offer, questions: Vec<PartialPayment>, now: Timestamp) -> Self {
        let open = questions.iter().filter(|question| question.standing == Standing::Asked && now < question.until);
        let (open, asked) = (open.count(), questions.len());

        let same = questions.into_iter().find(|question| question.offer.data == offer.data);
        match same {
            Some(PartialPayment { standing: Standing::Decided { decision, .. }, .. }) => Self::Follow(decision),
            Some(PartialPayment { standing: Standing::Unanswered, offer: declined, .. })
                if declined.connection == offer.connection =>
            {
                Self::TooLate
            }
            Some(question) if question.standing == Standing::Asked && now < question.until => Self::Wait(question),
            // The process that asked has ended before it could decline, or the sender makes a new attempt.
            Some(_) | None if asked >= QUESTIONS_MAX => Self::TooMany,
            Some(_) | None if open >= OPEN_QUESTIONS_MAX => Self::Busy,
            Some(_) | None => Self::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const OFFER: Offer = Offer { data: [1; 32], connection: [1; 32] };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn asked(n: u128, offer: Offer, standing: Standing) -> PartialPayment {
        PartialPayment {
            id: Uuid::from_u128(n).into(),
            tenant_id: Uuid::from_u128(1).into(),
            payment: Uuid::from_u128(2).into(),
            offer,
            asked_at: at(0),
            until: at(100),
            standing,
        }
    }

    fn no() -> PartialPaymentDecision {
        PartialPaymentDecision::Reject { reason: Some("no".into()) }
    }

    fn other_data(n: u8) -> Offer {
        Offer { data: [n; 32], ..OFFER }
    }

    #[test]
    fn the_first_answer_in_time_holds_and_may_be_repeated() {
        use PartialPaymentDecision::Accept;
        let decided = asked(1, OFFER, Standing::Asked).decide(Accept, at(100)).unwrap();
        assert_eq!(decided.standing, Standing::Decided { decision: Accept, at: at(100) });
        assert_eq!(decided.clone().decide(Accept, at(500)).as_ref(), Ok(&decided));
        assert_eq!(decided.clone().decide(no(), at(100)), Err(DecisionRefused::DecidedBefore));
        assert_eq!(decided.clone().give_up(), decided);
    }

    #[test]
    fn an_answer_after_the_time_or_after_the_packet_was_declined_has_no_effect() {
        let question = asked(1, OFFER, Standing::Asked);
        assert_eq!(question.clone().decide(no(), at(101)), Err(DecisionRefused::TooLate));
        assert_eq!(question.give_up().decide(no(), at(50)), Err(DecisionRefused::TooLate));
    }

    #[test]
    fn packets_with_the_same_data_share_a_question_and_its_answer() {
        let question = asked(1, OFFER, Standing::Asked);
        let elsewhere = Offer { connection: [2; 32], ..OFFER };
        assert_eq!(Course::of(elsewhere, vec![question.clone()], at(50)), Course::Wait(question.clone()));
        assert_eq!(Course::of(other_data(9), vec![question.clone()], at(50)), Course::Ask);
        let decided = question.decide(no(), at(50)).unwrap();
        assert_eq!(Course::of(elsewhere, vec![decided], at(500)), Course::Follow(no()));
    }

    #[test]
    fn without_an_answer_the_connection_stays_declined_and_another_one_asks_again() {
        let declined = asked(1, OFFER, Standing::Unanswered);
        let elsewhere = Offer { connection: [2; 32], ..OFFER };
        assert_eq!(Course::of(OFFER, vec![declined.clone()], at(200)), Course::TooLate);
        assert_eq!(Course::of(elsewhere, vec![declined.clone()], at(200)), Course::Ask);
        let again = asked(2, elsewhere, Standing::Asked);
        assert_eq!(Course::of(OFFER, vec![again.clone(), declined], at(50)), Course::Wait(again));
    }

    #[test]
    fn a_question_whose_process_ended_is_asked_again_when_its_time_is_over() {
        let question = asked(1, OFFER, Standing::Asked);
        assert_eq!(Course::of(OFFER, vec![question.clone()], at(99)), Course::Wait(question.clone()));
        assert_eq!(Course::of(OFFER, vec![question], at(100)), Course::Ask);
    }

    #[test]
    fn the_questions_about_one_payment_are_bounded() {
        let questions = |count: usize, standing: &Standing| -> Vec<_> {
            (100_u8..).take(count).map(|n| asked(n.into(), other_data(n), standing.clone())).collect()
        };
        assert_eq!(Course::of(OFFER, questions(OPEN_QUESTIONS_MAX - 1, &Standing::Asked), at(50)), Course::Ask);
        assert_eq!(Course::of(OFFER, questions(OPEN_QUESTIONS_MAX, &Standing::Asked), at(50)), Course::Busy);
        assert_eq!(Course::of(OFFER, questions(OPEN_QUESTIONS_MAX, &Standing::Unanswered), at(50)), Course::Ask);
        assert_eq!(Course::of(OFFER, questions(QUESTIONS_MAX, &Standing::Unanswered), at(50)), Course::TooMany);
    }
}
