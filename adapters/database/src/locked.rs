//! A locked row. A whole row is written only from a value that was read under its lock.
//!
//! The database holds the lock until the transaction ends.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use sea_orm::prelude::Uuid;

use crate::WriteTransaction;

/// A row as it was read under its lock.
///
/// It cannot outlive the transaction that holds the lock. So a write from it overwrites no other change.
#[derive(Debug)]
pub struct Locked<'t, T> {
    row: Uuid,
    value: T,
    transaction: PhantomData<&'t WriteTransaction>,
}

impl<'t, T> Locked<'t, T> {
    /// For stores: a statement of `transaction` has locked `row` and read `value` from it.
    pub fn read_under_lock(_: &'t WriteTransaction, row: Uuid, value: T) -> Self {
        Self { row, value, transaction: PhantomData }
    }

    /// The id of the locked row.
    pub fn row(&self) -> Uuid {
        self.row
    }

    /// The row after a change.
    pub fn map(self, transition: impl FnOnce(T) -> T) -> Self {
        Self { value: transition(self.value), ..self }
    }

    /// The row after a change that may be refused.
    pub fn try_map<E>(self, transition: impl FnOnce(T) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self { row: self.row, value: transition(self.value)?, transaction: PhantomData })
    }

    /// The value without the right to write it.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
