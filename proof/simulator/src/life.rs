//! The life of a process: after its end nothing that it began continues.

use tokio::sync::watch;

/// A running process, as it knows itself.
#[derive(Clone, Debug)]
pub(crate) struct ProcessLife(watch::Receiver<bool>);

/// Ends a life, also when dropped.
#[derive(Debug)]
pub(crate) struct Killer(watch::Sender<bool>);

impl ProcessLife {
    /// A new process and what kills it.
    pub(crate) fn begin() -> (Self, Killer) {
        let (sender, receiver) = watch::channel(true);
        (Self(receiver), Killer(sender))
    }

    /// Continues only if the process lives.
    pub(crate) async fn go_on(&self) {
        if !*self.0.borrow() {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when the process is dead.
    pub(crate) async fn ended(&self) {
        let mut alive = self.0.clone();
        // A killer that is gone has killed.
        let _ = alive.wait_for(|alive| !alive).await;
    }
}

impl Killer {
    /// Kills.
    pub(crate) fn kill(&self) {
        self.0.send_replace(false);
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.kill();
    }
}
