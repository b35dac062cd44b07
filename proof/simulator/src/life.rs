//! The life of a process. After its end, none of its tasks continues.
//! What survives a process is in `node`.

use tokio::sync::watch;

/// A running process, as its own code sees it.
#[derive(Clone, Debug)]
pub(crate) struct ProcessLife(watch::Receiver<bool>);

/// Ends a life, also when dropped.
#[derive(Debug)]
pub(crate) struct Killer(watch::Sender<bool>);

impl ProcessLife {
    /// A new process and its killer.
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
        // A dropped killer has killed too.
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
