//! `greenroom up`: supervises the units of a configuration, in the foreground.
//!
//! One task waits for signals and for the end of everything (here), one owns the configuration
//! ([`reload`]), one serves the control socket ([`crate::control::server`]), one keeps the past
//! ([`history`]), one turns events into lines for standard output. They share nothing but handles.

mod args;
mod error;
pub(crate) mod history;
pub(crate) mod host;
mod narrator;
mod plan;
mod printer;
mod reload;
pub(crate) mod requests;
mod service;
mod signals;
mod streams;

use std::io;
use std::process::ExitCode;

use greenroom::Supervisor;
use greenroom::init;
use greenroom::supervisor::{EndCause, Ending};
use tokio::sync::{mpsc, oneshot};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::control::claim::Claim;
use crate::control::place::SocketPath;
use crate::control::server;
use crate::show;
use crate::view::{Origin, UnitView};
pub(crate) use args::Args;
use error::{UpError, system};
use history::History;
use host::Host;
use narrator::Narrator;
use printer::Printer;
use reload::Reloader;
use service::{Say, ServiceManager};
use signals::{Received, Signals};

pub(crate) fn run(args: Args) -> ExitCode {
    show_warnings(&args);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(up(args)),
        Err(source) => Err(system("start the runtime")(source)),
    };
    match ended {
        Ok(ending) => {
            if let Some(said) = farewell(&ending) {
                eprintln!("greenroom: {said}");
            }
            u8::try_from(ending.exit_code()).unwrap_or(1).into()
        }
        Err(error) => {
            eprintln!("greenroom: {error}");
            error.exit().into()
        }
    }
}

/// Warnings go to standard error. Those that are printed as events are not said twice.
fn show_warnings(args: &Args) {
    const ALSO_EVENTS: &str = "greenroom::supervisor::tell";
    let mut shown = Targets::new().with_default(LevelFilter::WARN);
    if !args.quiet {
        shown = shown.with_target(ALSO_EVENTS, LevelFilter::OFF);
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false)
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(shown))
        .init();
}

async fn up(args: Args) -> Result<Ending, UpError> {
    let config = Config::read(&args.place.config)?;
    let socket = args.place.socket(config.socket.clone());
    let claim = Claim::take(&socket)?;
    // From here on no signal ends this process before its units.
    let signals = Signals::watch().map_err(system("watch signals"))?;
    if args.init && !init::is_first_process() {
        init::adopt_orphans().map_err(system("adopt orphans"))?;
    }
    let supervisor = config.supervisor()?;
    let origin = Origin::now();
    let history = History::begin(&supervisor, origin);
    let service = ServiceManager::start().map_err(system("start a thread"))?;
    let mut printer = Printer::start().map_err(system("start a thread"))?;
    if !args.quiet && !args.json {
        printer.print(greeting(&args, &socket));
    }

    let (reports, to_print) = mpsc::channel(16);
    let (reloads, orders) = mpsc::channel(4);
    let host = Host {
        supervisor: supervisor.clone(),
        origin,
        history,
        reloads,
    };
    let reloader = Reloader {
        supervisor: supervisor.clone(),
        config,
        reports: reports.clone(),
    };
    tokio::spawn(reloader.run(orders));
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(server::serve(claim, host.clone(), async {
        // Dropped or sent: it is over.
        let _ = ended.await;
    }));
    let narrator = Narrator::new(&args, printer, &host, service.clone(), to_print);
    let narrator = tokio::spawn(narrator.run());
    if args.init || init::is_first_process() {
        tokio::spawn(async {
            let Err(error) = init::reap_strangers().await;
            tracing::error!(%error, "orphans are not reaped any more");
        });
    }
    tokio::spawn(keep_service_manager_calm(
        service.clone(),
        supervisor.clone(),
    ));

    let starting = tokio::spawn(start(supervisor.clone(), service.clone(), reports.clone()));
    let ending = wait(signals, &host, &service, &reports).await;
    starting.abort();
    // Those who wait for the end hear of it, and the socket goes.
    drop(end);
    let _ = server.await;
    // Everything that has happened is passed on before this is answered.
    drop(host.history.past().await);
    drop((host, supervisor, reports));
    let _ = narrator.await;
    Ok(ending)
}

/// For one who looks on.
fn greeting(args: &Args, socket: &SocketPath) -> String {
    format!(
        "greenroom {} supervises the units of {} as pid {}; its control socket is {}",
        env!("CARGO_PKG_VERSION"),
        args.place.config.display(),
        std::process::id(),
        socket.path.display()
    )
}

/// Starts everything and says who is not there.
async fn start(supervisor: Supervisor, service: ServiceManager, reports: mpsc::Sender<String>) {
    let Err(failed) = supervisor.start().await else {
        service.say(Say::Ready);
        return;
    };
    for unit in &failed.not_ready {
        let said = format!("unit {} is {}: {}", unit.name, unit.state, unit.why);
        // Nobody prints any more when all has ended.
        let _ = reports.send(said).await;
    }
}

/// Obeys signals until everything has ended.
async fn wait(
    mut signals: Signals,
    host: &Host,
    service: &ServiceManager,
    reports: &mpsc::Sender<String>,
) -> Ending {
    let ended = host.supervisor.ended();
    tokio::pin!(ended);
    let mut stopping = false;
    loop {
        let signal = tokio::select! {
            ending = &mut ended => return ending,
            signal = signals.next() => signal,
        };
        match signal {
            Received::Stop(name) => {
                let supervisor = host.supervisor.clone();
                // By themselves: the next signal must be heard.
                if stopping {
                    tokio::spawn(async move {
                        supervisor
                            .kill(format!("greenroom got a second {name}"))
                            .await
                    });
                } else {
                    stopping = true;
                    tokio::spawn(
                        async move { supervisor.stop(format!("greenroom got {name}")).await },
                    );
                }
            }
            Received::Reload => {
                let host = host.clone();
                let service = service.clone();
                tokio::spawn(async move {
                    service.say(Say::Reloading);
                    // What came of it is printed by its report.
                    let _ = host.reload(false, "SIGHUP".into()).await;
                    service.say(Say::Reloaded);
                });
            }
            Received::Report => {
                let statuses = host.supervisor.statuses().await;
                let units: Vec<_> = statuses.iter().map(UnitView::brief).collect();
                let table = show::units::table(&units, None).join("\n");
                // Nobody prints any more when all has ended.
                let _ = reports.send(table).await;
            }
        }
    }
}

/// As long as the supervisor answers, it lives.
async fn keep_service_manager_calm(service: ServiceManager, supervisor: Supervisor) {
    let Some(interval) = service.watchdog() else {
        return;
    };
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        supervisor.unit_names().await;
        service.say(Say::Alive);
    }
}

/// Why everything has ended, if nobody wanted it, and what is left.
fn farewell(ending: &Ending) -> Option<String> {
    let mut said = Vec::new();
    if !matches!(ending.cause, EndCause::Requested { .. }) {
        said.push(crate::view::why(&ending.cause));
    }
    if !ending.abandoned.is_empty() {
        let names = ending.abandoned.join(", ");
        said.push(format!("still there when the time was over: {names}"));
    }
    (!said.is_empty()).then(|| said.join("; "))
}
