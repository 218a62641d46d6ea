//! What goes in and out of a worker's task, and who it belongs to.

use std::sync::Arc;

use greenroom_protocol::ShutdownReason;
use greenroom_supervision::WorkerId;
use greenroom_supervision::pool::RequestId;
use greenroom_supervision::worker::Notice;
use tokio::sync::{mpsc, watch};

use crate::job::{JobCommand, JobError, Ticket};
use crate::report::CrashReport;

/// What others want of a worker.
#[derive(Debug)]
pub(crate) enum Input {
    Launch(Box<Ticket>),
    Job(RequestId, JobCommand),
    Close(ShutdownReason),
    Kill(String),
}

/// What a worker's owner learns of it.
#[derive(Debug)]
pub(crate) enum Tidings {
    Notice(Notice),
    /// It takes no more jobs.
    Unavailable,
    /// A job has ended, in a worker that has its place free again.
    Released {
        request: RequestId,
        job: String,
        error: Option<JobError>,
    },
    /// No worker can run this job: it is too large. Its place is free again.
    Refused {
        request: RequestId,
        job: String,
    },
    /// A job has not been run, or may be run again.
    Returned {
        ticket: Box<Ticket>,
        /// Whether it counts as a job that the worker has had.
        used: bool,
    },
    Exited(Arc<CrashReport>),
}

/// Where a single process stands, for those who wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) pid: Option<u32>,
    pub(crate) ready: bool,
    pub(crate) exited: Option<Arc<CrashReport>>,
}

/// Who a worker belongs to.
#[derive(Debug)]
pub(crate) enum Owner {
    Pool(mpsc::Sender<(WorkerId, Tidings)>),
    Process(watch::Sender<Status>),
}

impl Status {
    /// True if anybody who waits may want to look.
    pub(super) fn note(&mut self, tidings: Tidings) -> bool {
        match tidings {
            Tidings::Notice(Notice::Started { pid }) => self.pid = Some(pid),
            Tidings::Notice(Notice::Ready { .. }) => self.ready = true,
            Tidings::Unavailable => self.ready = false,
            Tidings::Exited(report) => {
                self.ready = false;
                self.exited = Some(report);
            }
            Tidings::Notice(_)
            | Tidings::Released { .. }
            | Tidings::Refused { .. }
            | Tidings::Returned { .. } => {
                return false;
            }
        }
        true
    }
}
