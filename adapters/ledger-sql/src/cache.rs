//! A bounded map that keeps what was used lately.
//!
//! Two generations: what is not used while the young one fills up is forgotten with the old one.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;

/// At most twice `generation` values.
pub(crate) struct Cache<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Copy + Eq + Hash, V: Copy> Cache<K, V> {
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    pub(crate) fn get(&mut self, key: K) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(*value);
        }
        let value = self.old.remove(&key)?;
        self.put(key, value);
        Some(value)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: K) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    pub(crate) fn clear(&mut self) {
        self.young = HashMap::new();
        self.old = HashMap::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut cache = Cache::new(2);
        for n in 0..10 {
            cache.put(n, n);
            assert_eq!(cache.get(0), Some(0));
        }
        assert_eq!(cache.get(1), None);
        assert_eq!(cache.get(9), Some(9));
    }

    #[test]
    fn a_value_put_again_is_never_seen_in_its_old_form() {
        let mut cache = Cache::new(1);
        cache.put(1, "old");
        cache.put(2, "other");
        cache.put(1, "new");
        cache.put(2, "other");
        assert_eq!(cache.get(1), Some("new"));
    }
}
