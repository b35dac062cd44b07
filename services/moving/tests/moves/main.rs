//! A used Rafiki 2.4 moved into our databases, as its own totals say.

mod places;

mod whole;
