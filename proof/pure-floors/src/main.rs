//! All public functions of the pure floors, linked into one program, so that their imports can be checked.
//!
//! The program does nothing. `cargo xtask wasm` links it for a target without clock, sockets and randomness. Then it
//! checks the imports, and the parts of the standard library that always fail on that target.

#[cfg(any(
    feature = "offence-clock",
    feature = "offence-socket",
    all(feature = "offence-import", target_arch = "wasm32")
))]
mod offence;

use std::hint::black_box;

/// The addresses of functions; a function whose address is taken is linked with all it calls.
macro_rules! linked {
    ($($function:path,)*) => { [$($function as *const ()),*] };
}

fn main() {
    black_box(ilp_packet());
    black_box(stream());
    black_box(stream_pay());
    black_box(http_signatures());
    black_box(admin_signature());
    black_box(open_payments());
    black_box(gnap());
    black_box(ledger());
    black_box(payments_model());
    black_box(auth_model());
    black_box(rafiki_tables());
    black_box(sealed_text());
    black_box(signature_advice());
    black_box(answer_comparison());
    black_box(card());
    black_box(auto_peering());
    black_box(service_auth());
    #[cfg(any(
        feature = "offence-clock",
        feature = "offence-socket",
        all(feature = "offence-import", target_arch = "wasm32")
    ))]
    black_box(offence::commit());
}

fn service_auth() -> impl Sized {
    use std::str::FromStr;

    use service_auth::{Jws, LinkWays, Scope, Service, ServiceRole, Ways, signing_input, with_signature};
    linked![
        Jws::read,
        Scope::as_str,
        Scope::from_str,
        Service::as_str,
        Service::from_str,
        ServiceRole::access,
        ServiceRole::acts_for_a_tenant,
        ServiceRole::as_str,
        ServiceRole::serves,
        Ways::secrets,
        Ways::tokens,
        Ways::certificates,
        LinkWays::of,
        ServiceRole::from_str,
        ServiceRole::of_urn,
        ServiceRole::urn,
        Ways::from_str,
        signing_input,
        with_signature,
    ]
}

fn auto_peering() -> impl Sized {
    use auto_peering::{PeeringReply, PeeringRequest, Refusal, UnreadableRequest, is_endpoint};
    linked![
        PeeringReply::parse,
        PeeringReply::to_json,
        PeeringRequest::parse,
        PeeringRequest::to_json,
        Refusal::parse,
        Refusal::to_json,
        UnreadableRequest::refusal,
        is_endpoint,
    ]
}

fn sealed_text() -> impl Sized {
    use sealed_text::Sealer;
    linked![Sealer::fingerprint, Sealer::new, Sealer::open, Sealer::seal,]
}

fn signature_advice() -> impl Sized {
    use signature_advice::{message, shared_secret};
    linked![message::explain, shared_secret::explain,]
}

fn card() -> impl Sized {
    use card::{CardKey, Chip, ChipKey, PinKey, SignedPayload, currency_number, judge};
    linked![
        CardKey::ecdsa,
        CardKey::to_bytes,
        Chip::sign,
        ChipKey::ecdsa,
        ChipKey::for_issuer,
        PinKey::encipher,
        PinKey::holds,
        SignedPayload::from_hex,
        SignedPayload::to_hex,
        currency_number,
        judge,
    ]
}

fn ilp_packet() -> impl Sized {
    use ilp_packet::{Address, AmountTooLarge, Fulfillment, Packet, PrepareBuf, Reject, Reply, ildcp, oer};
    linked![
        Address::child,
        AmountTooLarge::parse,
        Fulfillment::satisfies,
        Packet::parse,
        PrepareBuf::as_prepare,
        PrepareBuf::parse::<Vec<u8>>,
        PrepareBuf::set_amount,
        PrepareBuf::set_expires_at,
        Reject::encode,
        Reject::message_text,
        Reply::parse,
        ildcp::AccountDetails::parse,
        ildcp::request,
        ildcp::serve,
        oer::Reader::var_uint_saturating,
        oer::put_var_uint,
    ]
}

fn stream() -> impl Sized {
    use stream::{ConnectionId, Header, Money, Reading, Receipt, ReceiverSecret, Sender, SharedSecret, StreamPacket};
    use stream::{ConnectionKeys, StreamReceiver};
    linked![
        ConnectionId::of,
        ConnectionKeys::seal,
        Header::seal,
        Money::accept,
        Money::announcing,
        Money::decline_finally,
        Money::decline_temporarily,
        Reading::stream,
        Receipt::issue,
        Receipt::verify,
        ReceiverSecret::new,
        Sender::make,
        Sender::new,
        Sender::read,
        SharedSecret::from_base64,
        StreamPacket::parse,
        StreamReceiver::decode_tag,
        StreamReceiver::evaluate,
        StreamReceiver::issue,
    ]
}

fn stream_pay() -> impl Sized {
    use stream_pay::{AssetProbe, Closer, Payment, QuoteTerms, Quoting, RateProbe, minimum_rate};
    linked![
        AssetProbe::handle_reply,
        AssetProbe::new,
        AssetProbe::poll_prepare,
        Closer::handle_reply,
        Closer::poll_prepare,
        Payment::close,
        Payment::handle_reply,
        Payment::new,
        Payment::poll_prepare,
        QuoteTerms::new,
        QuoteTerms::quote,
        Quoting::close,
        Quoting::handle_reply,
        Quoting::new,
        Quoting::poll_prepare,
        RateProbe::close,
        RateProbe::handle_reply,
        RateProbe::new,
        RateProbe::poll_prepare,
        minimum_rate,
    ]
}

fn http_signatures() -> impl Sized {
    use http_signatures::{Freshness, Jwk, PublicKey, Signer, SigningKey, TargetOrigin, Verified};
    linked![
        Freshness::memory,
        Jwk::thumbprint,
        PublicKey::from_base64url,
        Signer::new,
        Signer::sign,
        Signer::sign_once,
        SigningKey::from_text,
        SigningKey::random,
        TargetOrigin::target_uri,
        Verified::nonce_name,
        http_signatures::key_id,
        http_signatures::parse_json,
        http_signatures::to_compact_json,
        http_signatures::verify,
    ]
}

fn admin_signature() -> impl Sized {
    use admin_signature::Signature;
    linked![
        Signature::parse,
        Signature::verify,
        admin_signature::addressed,
        admin_signature::canonical,
        admin_signature::sign,
    ]
}

fn open_payments() -> impl Sized {
    use open_payments::{CreateIncomingPayment, CreateOutgoingPayment, CreateQuote, ListQuery, PaymentSource};
    linked![
        CreateIncomingPayment::parse,
        CreateOutgoingPayment::parse,
        CreateQuote::parse,
        ListQuery::page_request,
        PaymentSource::quote_segment,
        open_payments::parse_date_time,
    ]
}

fn gnap() -> impl Sized {
    use gnap::hash::InteractionHash;
    use gnap::{
        AccessItem, Client, ContinueStep, GrantRequest, IntrospectionRequest, RepeatingInterval, RequiredAccess,
    };
    linked![
        AccessItem::new,
        Client::identity,
        ContinueStep::parse,
        GrantRequest::parse,
        InteractionHash::compute,
        IntrospectionRequest::parse,
        RepeatingInterval::window_at,
        RequiredAccess::best_of,
        gnap::redirect::set_query,
    ]
}

fn ledger() -> impl Sized {
    use ledger::{AccountState, Entry, MemoryLedger, NewTransfer, Totals, WorkingSet, chain_hash};
    linked![
        AccountState::decode,
        Entry::decode,
        Entry::encode,
        MemoryLedger::journal,
        MemoryLedger::new,
        NewTransfer::single,
        Totals::are_balanced,
        WorkingSet::create_accounts,
        WorkingSet::create_transfers,
        WorkingSet::expire,
        WorkingSet::new,
        WorkingSet::take_entries,
        chain_hash,
    ]
}

fn payments_model() -> impl Sized {
    use payments_model::partial_payment::{Course, PartialPayment};
    use payments_model::quote::{FeeTerms, QuotePlan};
    use payments_model::receiver::ReceiverLocation;
    use payments_model::{IncomingPayment, OutgoingPayment, Peer, grant_limits, local_delivery, payment_events, retry};
    use payments_model::{repeating_interval, sending};

    linked![
        Course::of,
        FeeTerms::fee_ceil,
        FeeTerms::min_send_amount_ceil,
        IncomingPayment::approve,
        IncomingPayment::cancel,
        IncomingPayment::complete,
        IncomingPayment::credited,
        IncomingPayment::expire,
        OutgoingPayment::attempt_failed,
        OutgoingPayment::cancel,
        OutgoingPayment::complete,
        OutgoingPayment::fund,
        PartialPayment::decide,
        PartialPayment::give_up,
        Peer::move_to,
        QuotePlan::finish,
        QuotePlan::new,
        ReceiverLocation::parse,
        grant_limits::admit,
        local_delivery::quote_local,
        payment_events::incoming_payment,
        payment_events::outgoing_payment,
        repeating_interval::period_containing,
        retry::pause_after,
        sending::next_step,
    ]
}

fn auth_model() -> impl Sized {
    use auth_model::{AccessToken, ConsentPolicy, FinishUri, Grant, Interaction, SecretHash, examine};
    linked![
        AccessToken::issue,
        ConsentPolicy::requires_consent,
        FinishUri::new,
        Grant::approve_at_once,
        Grant::ask_owner,
        Grant::decide,
        Grant::finish,
        Grant::proceed,
        Grant::revoke,
        Grant::rotate,
        Interaction::is_open,
        SecretHash::matches,
        examine,
    ]
}

fn rafiki_tables() -> impl Sized {
    use rafiki_tables::books::{OldAccount, OldTransfer};
    linked![
        OldAccount::open_credits,
        OldAccount::read,
        OldTransfer::read,
        rafiki_tables::carry::carry,
        rafiki_tables::sealed::open,
        rafiki_tables::version::recognise,
    ]
}

fn answer_comparison() -> impl Sized {
    use answer_comparison::{Known, Purpose, Route, compare};
    linked![Known::for_ours, Known::issued, Known::made_only_there, Purpose::of, Route::of, compare,]
}
