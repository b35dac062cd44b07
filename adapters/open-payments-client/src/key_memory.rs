//! The memory of clients' keys. Its size and the age of its entries are bounded, whatever strangers publish.
//!
//! It does not fetch keys. The oldest client is removed first. A removed client costs one more fetch.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Timestamp;

/// The approximate size of a client, without its name and its keys.
const OVERHEAD: usize = 256;

/// Values by client. `T` is shared, so a value in use stays alive when it is removed here.
#[derive(Debug)]
pub(crate) struct KeyMemory<T> {
    octets_max: usize,
    age_max: Duration,
    clients: Mutex<Clients<T>>,
}

#[derive(Debug)]
struct Clients<T> {
    clients: HashMap<Arc<str>, Client<T>>,
    /// The same clients in the order of their age. The number separates equal instants.
    by_age: BTreeMap<(Timestamp, u64), Arc<str>>,
    next_number: u64,
    octets: usize,
}

#[derive(Debug)]
struct Client<T> {
    value: Arc<T>,
    octets: usize,
    place: (Timestamp, u64),
}

impl<T: Default> KeyMemory<T> {
    /// Makes a memory of at most `octets_max` octets. An entry is kept for at most `age_max`.
    pub(crate) fn new(octets_max: usize, age_max: Duration) -> Self {
        let clients = Clients { clients: HashMap::new(), by_age: BTreeMap::new(), next_number: 0, octets: 0 };
        Self { octets_max, age_max, clients: Mutex::new(clients) }
    }

    /// The value of a client. If the client is new, it is a new value.
    pub(crate) fn of(&self, client: &str, now: Timestamp) -> Arc<T> {
        let mut clients = self.lock();
        clients.forget_older_than(now.saturating_sub(self.age_max));
        if let Some(client) = clients.clients.get(client) {
            return Arc::clone(&client.value);
        }
        let value = Arc::<T>::default();
        let no_keys = 0;
        clients.put(client.into(), Arc::clone(&value), no_keys, now);
        clients.forget_beyond(self.octets_max);
        value
    }

    /// Records the size of a client's keys, since `now`.
    pub(crate) fn weigh(&self, client: &str, octets: usize, now: Timestamp) {
        let mut clients = self.lock();
        let Some((client, value)) = clients.remove(client) else { return };
        clients.put(client, value, octets, now);
        clients.forget_beyond(self.octets_max);
    }

    fn lock(&self) -> MutexGuard<'_, Clients<T>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clients<T> {
    fn put(&mut self, client: Arc<str>, value: Arc<T>, octets: usize, now: Timestamp) {
        let octets = octets + client.len() + OVERHEAD;
        let place = (now, self.next_number);
        self.next_number += 1;
        self.octets += octets;
        self.by_age.insert(place, Arc::clone(&client));
        self.clients.insert(client, Client { value, octets, place });
    }

    fn remove(&mut self, client: &str) -> Option<(Arc<str>, Arc<T>)> {
        let (name, found) = self.clients.remove_entry(client)?;
        self.by_age.remove(&found.place);
        self.octets -= found.octets;
        Some((name, found.value))
    }

    fn forget_older_than(&mut self, instant: Timestamp) {
        while let Some(((since, _), client)) = self.by_age.first_key_value() {
            if *since >= instant {
                return;
            }
            let client = Arc::clone(client);
            self.remove(&client);
        }
    }

    fn forget_beyond(&mut self, octets_max: usize) {
        while self.octets > octets_max {
            let Some(client) = self.by_age.first_key_value().map(|(_, client)| Arc::clone(client)) else { return };
            self.remove(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn octets(memory: &KeyMemory<u8>) -> usize {
        memory.lock().octets
    }

    #[test]
    fn three_thousand_clients_with_large_key_sets_take_no_more_than_allowed() {
        let memory = KeyMemory::<u8>::new(1 << 20, MINUTE);
        for number in 0..3000 {
            let client = format!("https://client.example/{number}");
            memory.of(&client, at(0));
            memory.weigh(&client, 53_000, at(0));
            assert!(octets(&memory) <= 1 << 20, "{number}");
        }
        assert!(memory.lock().clients.contains_key("https://client.example/2999"), "the newest is remembered");
    }

    #[test]
    fn a_client_is_remembered_while_it_is_young_and_then_leaves_nothing() {
        let memory = KeyMemory::<u8>::new(1 << 20, MINUTE);
        let first = memory.of("a", at(0));
        memory.weigh("a", 1000, at(0));
        assert!(Arc::ptr_eq(&first, &memory.of("a", at(60))));
        assert!(!Arc::ptr_eq(&first, &memory.of("a", at(61))));
        memory.of("b", at(200));
        assert_eq!(octets(&memory), 1 + OVERHEAD);
    }
}
