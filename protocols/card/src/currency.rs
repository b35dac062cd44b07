//! Numbers of currencies (ISO 4217). Cards sign numbers instead of codes.
//!
//! Only currencies of the list can be paid by card.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

/// The number of a currency code, for example 978 for `EUR`.
pub fn currency_number(code: &str) -> Option<u16> {
    const NUMBERS: [(&str, u16); 24] = [
        ("AUD", 36),
        ("BRL", 986),
        ("CAD", 124),
        ("CHF", 756),
        ("CNY", 156),
        ("CZK", 203),
        ("DKK", 208),
        ("EUR", 978),
        ("GBP", 826),
        ("GHS", 936),
        ("HUF", 348),
        ("INR", 356),
        ("JPY", 392),
        ("KES", 404),
        ("MXN", 484),
        ("NGN", 566),
        ("NOK", 578),
        ("NZD", 554),
        ("PKR", 586),
        ("PLN", 985),
        ("SEK", 752),
        ("SGD", 702),
        ("USD", 840),
        ("ZAR", 710),
    ];

    NUMBERS.iter().find(|(known, _)| *known == code).map(|(_, number)| *number)
}
