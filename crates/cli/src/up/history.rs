//! The last events, for those who come later, and the next ones in the same order.

use std::collections::VecDeque;
use std::sync::Arc;

use greenroom::Supervisor;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::view::{EventView, Origin};

/// Events that are kept.
const KEPT: usize = 1_000;
/// Events that a slow reader may be behind.
const BEHIND: usize = 1_024;

/// Asks for what was, and for what comes.
#[derive(Clone)]
pub(crate) struct History {
    requests: mpsc::Sender<oneshot::Sender<Past>>,
}

/// The last events, oldest first, and all that follow without a gap.
pub(crate) struct Past {
    pub(crate) events: Vec<Arc<EventView>>,
    pub(crate) next: broadcast::Receiver<Arc<EventView>>,
}

impl History {
    /// Begins with the events from now on.
    pub(crate) fn begin(supervisor: &Supervisor, origin: Origin) -> Self {
        let (requests, mut asked) = mpsc::channel::<oneshot::Sender<Past>>(16);
        let mut events = supervisor.events();
        tokio::spawn(async move {
            let mut kept = VecDeque::with_capacity(KEPT);
            let (sender, _) = broadcast::channel(BEHIND);
            loop {
                tokio::select! {
                    // Whoever asks hears of everything that has happened before.
                    biased;
                    event = events.next() => {
                        let Some(event) = event else { return };
                        let event = Arc::new(EventView::new(&event, origin));
                        if kept.len() == KEPT {
                            kept.pop_front();
                        }
                        kept.push_back(Arc::clone(&event));
                        // Nobody need be listening.
                        let _ = sender.send(event);
                    }
                    request = asked.recv() => {
                        let Some(request) = request else { return };
                        let events = kept.iter().cloned().collect();
                        let next = sender.subscribe();
                        // Whoever asked may be gone.
                        let _ = request.send(Past { events, next });
                    }
                }
            }
        });
        Self { requests }
    }

    /// `None` once the supervisor is gone.
    pub(crate) async fn past(&self) -> Option<Past> {
        let (sender, past) = oneshot::channel();
        self.requests.send(sender).await.ok()?;
        past.await.ok()
    }
}
