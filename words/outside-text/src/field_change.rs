//! The change of a value that may be absent: it is kept, cleared or set.
//! Which values may be cleared is decided by their owner.

use serde::{Deserialize, Deserializer};

/// The change of a value that may be absent. In JSON, a missing member keeps it and `null` clears it.
///
/// A member of this type needs `#[serde(default)]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldChange<T> {
    /// Keeps the value.
    #[default]
    Keep,
    /// Removes the value.
    Clear,
    /// Replaces the value.
    Set(T),
}

impl<T> FieldChange<T> {
    /// Whether the value is kept.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value, if there is one.
    pub fn new_value(&self) -> Option<&T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The change of another type of value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> FieldChange<U> {
        match self {
            Self::Keep => FieldChange::Keep,
            Self::Clear => FieldChange::Clear,
            Self::Set(value) => FieldChange::Set(convert(value)),
        }
    }

    /// The change of another type of value, if the new value can be converted.
    pub fn try_map<U, E>(self, convert: impl FnOnce(T) -> Result<U, E>) -> Result<FieldChange<U>, E> {
        match self {
            Self::Keep => Ok(FieldChange::Keep),
            Self::Clear => Ok(FieldChange::Clear),
            Self::Set(value) => convert(value).map(FieldChange::Set),
        }
    }

    /// Changes `value`.
    pub fn apply(self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *value = None,
            Self::Set(new) => *value = Some(new),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FieldChange<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Change {
        #[serde(default)]
        name: FieldChange<String>,
    }

    #[test]
    fn a_missing_member_keeps_null_clears_and_a_value_replaces() {
        let changed = |json: &str| {
            let mut name = Some("old".to_owned());
            serde_json::from_str::<Change>(json).unwrap().name.apply(&mut name);
            name
        };
        assert_eq!(changed("{}").as_deref(), Some("old"));
        assert_eq!(changed(r#"{"name":null}"#), None);
        assert_eq!(changed(r#"{"name":"new"}"#).as_deref(), Some("new"));
    }
}
