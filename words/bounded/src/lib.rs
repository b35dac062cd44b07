//! A map with a bounded number of entries, which keeps those used last.
//!
//! It has two halves. New entries and used ones go to the young half. When this is full, it becomes the old half, and
//! the entries of the earlier old half are dropped. So no list of uses is needed.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A bounded memory.
#[derive(Debug)]
pub struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    /// Makes a memory of at most twice `half` entries. At least the `half` entries that were used last stay in it.
    pub fn new(half: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half }
    }

    /// The value under `key`, which counts as used now.
    pub fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        V: Clone,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.put(key, value.clone());
        Some(value)
    }

    /// Takes the value under `key` out of the memory.
    pub fn take<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (young, old) = (self.young.remove(key), self.old.remove(key));
        young.or(old)
    }

    /// Remembers `value` under `key`.
    pub fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    /// Removes the value under `key`.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.young = HashMap::new();
        self.old = HashMap::new();
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

    #[test]
    fn a_value_put_again_is_never_seen_in_its_old_form() {
        let mut map = Bounded::new(1);
        map.put(1, "old");
        map.put(2, "other");
        map.put(1, "new");
        map.put(2, "other");
        assert_eq!(map.get(&1), Some("new"));
        map.remove(&1);
        assert_eq!(map.get(&1), None);
        map.clear();
        assert_eq!(map.get(&2), None);
    }
}
