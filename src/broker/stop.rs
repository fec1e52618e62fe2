//! Tells tasks that they are to end.

use tokio::sync::watch;

/// The end that tells. Dropping it tells too.
pub(crate) struct Stopper(watch::Sender<bool>);

/// The end that listens.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

pub(crate) fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Done when the end was asked for.
    pub(crate) async fn requested(&mut self) {
        // An error means that nobody is left to ask: as good as a request.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
