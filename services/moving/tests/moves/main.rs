//! A used Rafiki 2.4 moved into our databases, as its own totals say.

mod damage;
mod interrupted;
mod later_passes;
mod places;
mod totals;
mod whole;
