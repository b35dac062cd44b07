//! The data of an F08 Reject: the amount that arrived, and the account's maximum (RFC 27, error codes).
//! The Reject around it is in `reject`.

/// Both amounts in the unit of the account that refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountTooLarge {
    /// The amount of the packet at that account.
    pub received: u64,
    /// The account's maximum.
    pub maximum: u64,
}

impl AmountTooLarge {
    /// Reads the data of an F08. `None` if it is too short; octets after the two amounts are ignored.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let (received, rest) = data.split_first_chunk::<8>()?;
        let (maximum, _) = rest.split_first_chunk::<8>()?;
        Some(Self { received: u64::from_be_bytes(*received), maximum: u64::from_be_bytes(*maximum) })
    }

    /// The sixteen octets.
    pub fn encode(&self) -> [u8; 16] {
        let mut data = [0; 16];
        data[..8].copy_from_slice(&self.received.to_be_bytes());
        data[8..].copy_from_slice(&self.maximum.to_be_bytes());
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_data_says_nothing_and_longer_data_is_read_from_the_front() {
        let detail = AmountTooLarge { received: 1001, maximum: 1000 };
        assert_eq!(AmountTooLarge::parse(&detail.encode()[..15]), None);
        assert_eq!(AmountTooLarge::parse(&[&detail.encode()[..], &[7]].concat()), Some(detail));
    }
}
