//! The change that a nullable argument asks for.
//! What a change does to a value is in `outside-text`.

use async_graphql::MaybeUndefined;
use outside_text::FieldChange;

/// A missing argument keeps the value, and `null` clears it.
pub(crate) fn change_of<T>(given: MaybeUndefined<T>) -> FieldChange<T> {
    match given {
        MaybeUndefined::Undefined => FieldChange::Keep,
        MaybeUndefined::Null => FieldChange::Clear,
        MaybeUndefined::Value(value) => FieldChange::Set(value),
    }
}
