//! Reports the progress of a pass while it runs.
//! How far earlier passes came is in `progress`.

/// Progress of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// This many rows of a table were checked.
    Examined(&'a str, u64),
    /// This many rows of a table were moved.
    Carried(&'a str, u64),
    /// This many accounts or transfers of the ledger were moved.
    Booked(&'a str, u64),
    /// This many accounts were compared.
    Compared(u64),
}

/// Receives the progress of a pass.
pub type Listener<'a> = &'a (dyn Fn(Step<'_>) + Send + Sync);
