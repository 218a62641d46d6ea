//! Obeys signals until everything has ended, and sees to it that this is the end.

use greenroom::Supervisor;
use greenroom::supervisor::{EndCause, Ending, Notice};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::host::Host;
use super::narrator::Report;
use super::signals::{Received, Signals};
use crate::show;
use crate::view::UnitView;

/// Those who start units by themselves.
pub(super) struct Changes {
    /// Tells clients that nothing is started any more.
    pub(super) end_begun: watch::Sender<bool>,
    pub(super) reloader: JoinHandle<()>,
    pub(super) start: JoinHandle<()>,
}

impl Changes {
    /// From now on nothing is started, by nobody. Waits until that is so.
    async fn stop(self) {
        self.end_begun.send_replace(true);
        for task in [self.reloader, self.start] {
            task.abort();
            // Cancelled, or done before.
            let _ = task.await;
        }
    }
}

/// Obeys signals until everything has ended. Once that has begun nothing is started any more: there
/// is no way back.
pub(super) async fn wait(
    signals: &mut Signals,
    host: &Host,
    changes: Changes,
    reports: &mpsc::Sender<Report>,
) -> Ending {
    let begun = end_begins(&host.supervisor);
    tokio::pin!(begun);
    let mut stopping = false;
    let cause = loop {
        let signal = tokio::select! {
            cause = &mut begun => break cause,
            signal = signals.next() => signal,
        };
        obey(signal, host, &mut stopping, reports);
    };
    let end = async {
        changes.stop().await;
        // It ends already. Were anything started in the very last moment, it would end again.
        host.supervisor.stop("everything ends").await
    };
    tokio::pin!(end);
    loop {
        let signal = tokio::select! {
            ending = &mut end => return Ending { cause, ..ending },
            signal = signals.next() => signal,
        };
        obey(signal, host, &mut stopping, reports);
    }
}

/// Waits until everything is being stopped, or was, and says why.
async fn end_begins(supervisor: &Supervisor) -> EndCause {
    let mut events = supervisor.events();
    let begun = async {
        while let Some(event) = events.next().await {
            if let Notice::ShuttingDown { cause, .. } = event.notice {
                return cause;
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        cause = begun => cause,
        // Nothing ran, or the event was missed.
        ending = supervisor.ended() => ending.cause,
    }
}

/// Does what a signal asks for, beside what is going on: the next signal must be heard.
fn obey(signal: Received, host: &Host, stopping: &mut bool, reports: &mpsc::Sender<Report>) {
    let supervisor = host.supervisor.clone();
    match signal {
        Received::Stop(name) if *stopping => {
            let by = format!("greenroom got a second {name}");
            tokio::spawn(async move { supervisor.kill(by).await });
        }
        Received::Stop(name) => {
            *stopping = true;
            let by = format!("greenroom got {name}");
            tokio::spawn(async move { supervisor.stop(by).await });
        }
        Received::Reload => {
            let host = host.clone();
            // What came of it is printed by its report.
            tokio::spawn(async move { host.reload(false, "SIGHUP".into()).await });
        }
        Received::Report => {
            let reports = reports.clone();
            tokio::spawn(async move {
                let statuses = supervisor.statuses().await;
                let units: Vec<_> = statuses.iter().map(UnitView::brief).collect();
                let table = show::units::table(&units, None).join("\n");
                // Nobody prints any more when all has ended.
                let _ = reports.send(Report::wanted(table)).await;
            });
        }
    }
}
