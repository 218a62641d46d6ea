//! `greenroom up`: supervises the units of a configuration, in the foreground.
//!
//! One task waits for signals and for the end of everything ([`end`]), one owns the configuration
//! ([`reload`]), one serves the control socket ([`crate::control::server`]), one keeps the past
//! ([`history`]), one turns events into lines for standard output. They share nothing but handles.

mod args;
mod end;
mod error;
pub(crate) mod history;
pub(crate) mod host;
mod narrator;
mod output;
mod plan;
mod reload;
pub(crate) mod requests;
mod service;
mod signals;
mod streams;

use std::process::ExitCode;
use std::time::Duration;

use greenroom::Supervisor;
use greenroom::init;
use greenroom::supervisor::{EndCause, Ending, UnitError};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Config;
use crate::control::claim::Claim;
use crate::control::place::SocketPath;
use crate::control::server;
use crate::exit::Exit;
use crate::printer::{Printer, Stream, say};
use crate::view::Origin;
pub(crate) use args::Args;
use end::{Changes, wait};
use error::{UpError, system};
use history::History;
use host::Host;
use narrator::{Narrator, Report};
use reload::Reloader;
use service::{Say, ServiceManager};
use signals::Signals;

/// How long what cannot be interrupted, as a look-up of a name, may keep the process.
const LAST_WORK: Duration = Duration::from_secs(1);

pub(crate) fn run(args: Args) -> ExitCode {
    let errors = match Printer::start(Stream::Error) {
        Ok(errors) => errors,
        Err(error) => {
            say(format_args!("greenroom: start a thread: {error}"));
            return Exit::System.into();
        }
    };
    show_warnings(&args, errors.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Hundreds of units that start at once need no thread each to have their commands built.
        .max_blocking_threads(16)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(up(args, errors.clone()));
            runtime.shutdown_timeout(LAST_WORK);
            ended
        }
        Err(source) => Err(system("start the runtime")(source)),
    };
    let exit = match ended {
        Ok(ending) => {
            if let Some(said) = farewell(&ending) {
                errors.print(format!("greenroom: {said}"));
            }
            u8::try_from(ending.exit_code()).unwrap_or(1).into()
        }
        Err(error) => {
            errors.print(format!("greenroom: {error}"));
            error.exit().into()
        }
    };
    errors.finish();
    exit
}

/// Warnings go to standard error. Those that are printed as events or as lines of units are not said
/// twice, and what units print is no warning of ours.
fn show_warnings(args: &Args, errors: Printer) {
    const ALSO_EVENTS: &str = "greenroom::supervisor::tell";
    const LINES_OF_UNITS: &str = "greenroom::unit";
    const LINES_OF_WORKERS: &str = "greenroom::worker";
    let mut shown = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(LINES_OF_UNITS, LevelFilter::OFF);
    if args.quiet || args.no_output {
        shown = shown.with_target(LINES_OF_WORKERS, LevelFilter::OFF);
    }
    if !args.quiet {
        shown = shown.with_target(ALSO_EVENTS, LevelFilter::OFF);
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(errors)
        .with_ansi(false)
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(shown))
        .init();
}

async fn up(args: Args, errors: Printer) -> Result<Ending, UpError> {
    let config = Config::read(&args.place.config)?;
    let socket = args.place.socket(config.socket.clone());
    let claim = Claim::take(&socket)?;
    // From here on no signal ends this process before its units.
    let mut signals = Signals::watch().map_err(system("watch signals"))?;
    if args.init && !init::is_first_process() {
        init::adopt_orphans().map_err(system("adopt orphans"))?;
    }
    let supervisor = config.supervisor()?;
    let origin = Origin::now();
    let history = History::begin(&supervisor, origin);
    let service = ServiceManager::start().map_err(system("start a thread"))?;
    let printer = Printer::start(Stream::Output).map_err(system("start a thread"))?;
    if !args.quiet && !args.json {
        printer.print(greeting(&args, &socket));
    }

    let (reports, to_print) = mpsc::channel(16);
    let (reloads, orders) = mpsc::channel(4);
    let (end_begun, ending) = watch::channel(false);
    let host = Host {
        supervisor: supervisor.clone(),
        origin,
        history,
        reloads,
        ending,
        followers: Host::followers(),
    };
    let reloader = Reloader::new(&host, config, service.clone(), reports.clone());
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(server::serve(claim, host.clone(), async {
        // Dropped or sent: it is over.
        let _ = ended.await;
    }));
    let narrator = Narrator::new(&args, printer, errors, &host, service.clone(), to_print);
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

    // Last, so that all the others hear of it from the beginning.
    let changes = Changes {
        end_begun,
        reloader: tokio::spawn(reloader.run(orders)),
        start: tokio::spawn(start(supervisor.clone(), service.clone(), reports.clone())),
    };
    let ending = wait(&mut signals, &host, changes, &reports).await;
    let last_words = async {
        // Those who wait for the end hear of it, and the socket goes.
        drop(end);
        let _ = server.await;
        // What a client was just about to start when everything ended.
        host.supervisor.kill("greenroom ends").await;
        // Everything that has happened is passed on before this is answered.
        drop(host.history.past().await);
        drop((host, supervisor, reports));
        let _ = narrator.await;
    };
    tokio::select! {
        () = last_words => {}
        () = signals.stop() => tracing::warn!("a signal came while the last was said"),
    }
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
async fn start(supervisor: Supervisor, service: ServiceManager, reports: mpsc::Sender<Report>) {
    let Err(failed) = supervisor.start().await else {
        service.say(Say::Ready);
        return;
    };
    for unit in &failed.not_ready {
        let said = format!("unit {} is {}: {}", unit.name, unit.state, unit.why);
        // Nobody prints any more when all has ended.
        let _ = reports.send(Report::wanted(said)).await;
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
        // That there is no such unit is an answer, too, and costs nothing.
        if let Err(UnitError::HostEnded) = supervisor.status("").await {
            return;
        }
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
