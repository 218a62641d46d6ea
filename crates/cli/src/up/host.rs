//! What a running `greenroom up` consists of, for those who answer requests.

use std::path::PathBuf;
use std::sync::Arc;

use greenroom::Supervisor;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::history::History;
use crate::config::ConfigError;
use crate::control::server::MAX_FOLLOWERS;
use crate::view::{Origin, PlanView};

/// Handles to everything. Clones are handles to the same.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) supervisor: Supervisor,
    pub(crate) origin: Origin,
    pub(crate) history: History,
    /// To the one who owns the configuration.
    pub(crate) reloads: mpsc::Sender<ReloadOrder>,
    /// Whether everything is being stopped: then nothing is started any more.
    pub(crate) ending: watch::Receiver<bool>,
    /// Places for those who stay.
    pub(crate) followers: Arc<Semaphore>,
}

/// Somebody wants the configuration read again.
pub(crate) struct ReloadOrder {
    pub(crate) dry_run: bool,
    /// Who, for reports.
    pub(crate) by: String,
    pub(crate) reply: oneshot::Sender<Result<Reloaded, ReloadError>>,
}

/// What a reload has done, or would do.
#[derive(Clone, Debug)]
pub(crate) struct Reloaded {
    pub(crate) plan: PlanView,
    /// What did not go as planned, in words.
    pub(crate) troubles: Vec<String>,
}

/// Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "unit {unit} is to belong to the group {group}, which is new: groups come with a new start \
         of greenroom up ({})", .file.display()
    )]
    NewGroup {
        unit: String,
        group: String,
        file: PathBuf,
    },
}

impl Host {
    /// As many places for those who stay as leave some for the others.
    pub(crate) fn followers() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(MAX_FOLLOWERS))
    }

    /// A place for one who stays, if there is one.
    pub(crate) fn follow(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.followers).try_acquire_owned().ok()
    }

    pub(crate) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Has the configuration read again. Cancel-safe: the reload goes on.
    pub(crate) async fn reload(
        &self,
        dry_run: bool,
        by: String,
    ) -> Option<Result<Reloaded, ReloadError>> {
        let (reply, answer) = oneshot::channel();
        let order = ReloadOrder { dry_run, by, reply };
        self.reloads.send(order).await.ok()?;
        answer.await.ok()
    }
}
