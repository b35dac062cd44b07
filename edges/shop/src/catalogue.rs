//! What the shop sells.
//!
//! Prices are in whole units of the currency of the shop's wallet address.

/// A thing that can be bought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Product {
    /// The last part of its address.
    pub(crate) slug: &'static str,
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    pub(crate) sign: &'static str,
    price: u64,
    pub(crate) terms: Terms,
}

/// How it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Terms {
    Once,
    /// The same amount each month, until the customer ends it.
    Monthly,
}

const fn once(slug: &'static str, name: &'static str, text: &'static str, sign: &'static str, price: u64) -> Product {
    Product { slug, name, text, sign, price, terms: Terms::Once }
}

pub(crate) const PRODUCTS: [Product; 7] = [
    once("luck", "Luck", "A four-leaf clover, pressed and framed.", "☘", 77),
    once("knowledge", "Knowledge", "An almanac with an answer on every page.", "✎", 54),
    once("courage", "Courage", "A small bell to ring before difficult calls.", "♪", 20),
    once("patience", "Patience", "An hourglass that takes exactly one hour.", "◔", 28),
    once("opportunity", "Opportunity", "A door knob. The door comes later.", "✦", 123),
    once("kindness", "Kindness", "Twelve cards, written by hand, ready to send.", "❤", 32),
    Product {
        slug: "serenity",
        name: "Serenity",
        text: "A parcel of tea, every month.",
        sign: "☕",
        price: 5,
        terms: Terms::Monthly,
    },
];

impl Product {
    /// The price in the smallest unit of an asset with this scale; `None` if no number can hold it.
    pub(crate) fn price(&self, scale: u8) -> Option<u64> {
        in_smallest_units(self.price, scale)
    }
}

/// Whole units in the smallest unit of an asset with this scale; `None` if no number can hold it.
pub(crate) fn in_smallest_units(units: u64, scale: u8) -> Option<u64> {
    let value = units.checked_mul(10_u64.checked_pow(u32::from(scale))?)?;
    i64::try_from(value).is_ok().then_some(value)
}

/// The product with this name in its address.
pub(crate) fn by_slug(slug: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.slug == slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_in_the_smallest_unit_or_there_is_none() {
        let luck = by_slug("luck").unwrap();
        assert_eq!((luck.price(2), luck.price(0), luck.price(40)), (Some(7700), Some(77), None));
        assert_eq!(by_slug("gold"), None);
    }
}
