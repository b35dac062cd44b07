//! A map that remembers a bounded number of entries, the ones used last among them.
//!
//! Two halves: the young one takes what is new or used again; when it is full it becomes the old one, whose content is
//! forgotten. So remembering costs no list of who was used when.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V: Clone> Bounded<K, V> {
    /// Remembers at most twice as many entries as `half`, and at least so many of those used last.
    pub(crate) fn new(half: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.put(key, value.clone());
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_again_and_again_stays_while_a_million_others_pass() {
        let mut map = Bounded::new(100);
        map.put(0, "often");
        for number in 1..=1_000_000 {
            map.put(number, "once");
            if number % 50 == 0 {
                assert_eq!(map.get(&0), Some("often"));
            }
            assert!(map.young.len() + map.old.len() <= 200);
        }
        assert_eq!(map.get(&1), None);
        assert_eq!(map.get(&1_000_000), Some("once"));
    }
}
