//! Conditions that must hold when a network is at rest.
//! What a node stores is in `node`.

use std::collections::BTreeMap;

use ledger::{Account, AccountId, Event, Ledger};

use crate::network::Network;
use crate::node::Node;

/// The books of all nodes of a network.
pub struct Audit(BTreeMap<String, Vec<Account>>);

impl Audit {
    /// Reads all books.
    pub async fn of(network: &Network) -> Self {
        let mut books = BTreeMap::new();
        for node in network.nodes() {
            books.insert(node.name.clone(), accounts(&node).await);
        }
        Self(books)
    }

    /// Checks that every asset of every node sums to zero and nothing is held.
    pub fn assert_conserved(&self) {
        for (node, accounts) in &self.0 {
            let mut sums: BTreeMap<u32, (u128, u128)> = BTreeMap::new();
            for account in accounts {
                assert_eq!((account.debits_pending, account.credits_pending), (0, 0), "held at {node}: {account:?}");
                let sum = sums.entry(account.created.ledger).or_default();
                sum.0 += account.debits_posted;
                sum.1 += account.credits_posted;
            }
            assert!(!sums.is_empty());
            for (ledger, (debits, credits)) in sums {
                assert_eq!(debits, credits, "asset {ledger} at {node}");
            }
        }
    }

    /// Checks for every peering that one side received what the other side sent.
    pub fn assert_peers_agree(&self, network: &Network) {
        for (one, other) in network.peerings() {
            for (from, to) in [(&one, &other), (&other, &one)] {
                let deposited = network.node(from).deposited(network.node(from).peer_account(to));
                let sent = self.account(from, network.node(from).peer_account(to)).credits_posted - deposited;
                let got = self.account(to, network.node(to).peer_account(from)).debits_posted;
                assert_eq!(sent, got, "from {from} to {to}");
            }
        }
    }

    /// All accounts of each node as texts, to compare with those of another time.
    pub fn in_words(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(node, accounts)| (node.clone(), format!("{accounts:#?}"))).collect()
    }

    /// An account of a node.
    pub fn account(&self, node: &str, id: AccountId) -> &Account {
        self.0[node].iter().find(|account| account.created.id == id).unwrap()
    }
}

async fn accounts(node: &Node) -> Vec<Account> {
    let ids = node.ledger.journal().into_iter().filter_map(|entry| match entry.event {
        Event::AccountCreated(account) => Some(account.id),
        _ => None,
    });
    let found = node.ledger.accounts(ids.collect()).await.unwrap();
    found.into_iter().flatten().collect()
}
