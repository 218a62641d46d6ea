//! Something that happens once, is remembered, and can be waited for by many.

use std::sync::OnceLock;

use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Signal<T> {
    value: OnceLock<T>,
    raised: Notify,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self {
            value: OnceLock::new(),
            raised: Notify::new(),
        }
    }
}

impl<T: Copy> Signal<T> {
    /// The first value stays; later ones are dropped. From any thread.
    pub(crate) fn raise(&self, value: T) {
        if self.value.set(value).is_ok() {
            self.raised.notify_waiters();
        }
    }

    pub(crate) fn get(&self) -> Option<T> {
        self.value.get().copied()
    }

    /// Cancel-safe.
    pub(crate) async fn wait(&self) -> T {
        loop {
            // Made before the look, so that a raise in between is not missed.
            let raised = self.raised.notified();
            if let Some(value) = self.get() {
                return value;
            }
            raised.await;
        }
    }
}
