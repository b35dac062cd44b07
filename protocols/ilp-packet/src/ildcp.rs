//! Dynamic configuration (RFC 31): a client asks its parent for the address and asset of its account.
//!
//! It moves no money: the request is an ordinary Prepare to `peer.config` with a public fulfillment.

use clock::Timestamp;

use crate::oer::{self, Reader};
use crate::{
    Address, AddressRef, Condition, ErrorCode, Fulfill, Fulfillment, InvalidAddress, ParseError, Prepare, Reject,
};

/// The destination of a request.
pub(crate) const DESTINATION: &str = "peer.config";
/// The fulfillment of every peer protocol request: 32 zero octets.
pub const FULFILLMENT: Fulfillment = Fulfillment::new([0; 32]);
/// The condition of every peer protocol request: the digest of 32 zero octets.
pub const CONDITION: Condition = Condition::new([
    0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20, 0x08, 0x97, 0x14,
    0x85, 0x6e, 0xe2, 0x33, 0xb3, 0x90, 0x2a, 0x59, 0x1d, 0x0d, 0x5f, 0x29, 0x25,
]);

/// The answer of a parent node to its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDetails {
    /// The address of the client.
    pub client_address: Address,
    /// Decimal places of the asset of their account.
    pub asset_scale: u8,
    /// Code of the asset of their account.
    pub asset_code: String,
}

/// Why a reply cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// It is not a Fulfill, or a field is malformed.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// The fulfillment is not the one of the peer protocols.
    #[error("the reply does not carry the fulfillment of a peer protocol")]
    WrongFulfillment,
    /// The asset code is not UTF-8.
    #[error("the asset code is not UTF-8")]
    AssetCode,
}

/// Whether a Prepare is a configuration request.
pub fn is_request(prepare: &Prepare<'_>) -> bool {
    prepare.destination.as_str() == DESTINATION
}

/// A request for configuration.
pub fn request(expires_at: Timestamp) -> Result<Vec<u8>, InvalidAddress> {
    let destination = AddressRef::new(DESTINATION)?;
    Ok(Prepare { amount: 0, expires_at, execution_condition: CONDITION, destination, data: b"" }.encode())
}

/// The reply to a request: a Fulfill with `details`, or an F00 Reject of `own_address` if the request is unusable.
pub fn serve(prepare: &Prepare<'_>, details: &AccountDetails, own_address: AddressRef<'_>, now: Timestamp) -> Vec<u8> {
    let refuse = |message| Reject::new(ErrorCode::F00BadRequest, own_address).with_message(message).encode();
    if prepare.execution_condition != CONDITION {
        return refuse("packet does not contain correct condition for a peer protocol request.");
    }
    if prepare.expires_at < now {
        return refuse("IL-DCP request packet is expired.");
    }
    details.encode()
}

impl AccountDetails {
    /// The Fulfill that carries these details.
    pub fn encode(&self) -> Vec<u8> {
        let mut data = Vec::new();
        oer::put_var_octets(&mut data, self.client_address.as_str().as_bytes());
        data.push(self.asset_scale);
        oer::put_var_octets(&mut data, self.asset_code.as_bytes());
        Fulfill { fulfillment: FULFILLMENT, data: &data }.encode()
    }

    /// Reads the reply to a request.
    pub fn parse(octets: &[u8]) -> Result<Self, ResponseError> {
        let fulfill = Fulfill::parse(octets)?;
        if fulfill.fulfillment != FULFILLMENT {
            return Err(ResponseError::WrongFulfillment);
        }
        let mut data = Reader::new(fulfill.data);
        let mut field = || data.var_octets().map_err(ParseError::from);
        let client_address = AddressRef::from_octets(field()?).map_err(ParseError::from)?.to_address();
        let asset_scale = data.u8().map_err(ParseError::from)?;
        let asset_code = data.var_octets().map_err(ParseError::from)?;
        let asset_code = String::from_utf8(asset_code.to_vec()).map_err(|_| ResponseError::AssetCode)?;
        Ok(Self { client_address, asset_scale, asset_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_condition_is_the_digest_of_the_fulfillment() {
        assert!(FULFILLMENT.satisfies(&CONDITION));
    }

    #[test]
    fn a_request_is_recognised_and_answered() {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let octets = request(now).unwrap();
        let prepare = Prepare::parse(&octets).unwrap();
        assert!(is_request(&prepare));
        let details =
            AccountDetails { client_address: "test.a.b".parse().unwrap(), asset_scale: 2, asset_code: "USD".into() };
        let reply = serve(&prepare, &details, AddressRef::new("test.a").unwrap(), now);
        assert_eq!(AccountDetails::parse(&reply), Ok(details));
    }
}
