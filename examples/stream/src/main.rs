//! Keeps an ffmpeg running that writes a stream in segments, whatever happens to it.
//!
//! # Theory of operation
//!
//! ffmpeg is a program like any other: it knows nothing of Greenroom. [`encoder`] describes it as a
//! **unit**: how its command is built anew for each start, so that a restart never writes over the
//! segments of the run before; when it counts as ready; what its silence means; and how it is ended.
//! `q` on its standard input comes first, because that lets it finish its last file: a signal would
//! do too, a kill would leave a file that no player opens.
//!
//! The supervisor does the rest, and tells what it does as events, which [`story`] prints. With
//! `--demo` the program plays the fate of its encoder itself ([`demo`]): it kills it, stalls it, and
//! at the end looks at every file with ffprobe ([`segments`]).

mod demo;
mod encoder;
mod segments;
mod story;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use greenroom::Supervisor;
use greenroom::supervisor::{Ending, StartFailed, UnitError};
use tokio::signal::unix::{SignalKind, signal};

/// Keeps an ffmpeg running that encodes a test picture and a tone into segments of 2 s.
///
/// Ctrl-C ends it cleanly: ffmpeg finishes its last file. Kill ffmpeg meanwhile, or stop it with
/// kill -STOP, and see what happens.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit code: 0 if it ended as asked, that of ffmpeg if it was \
    given up, 2 for wrong usage, 69 if ffmpeg is not there."
)]
struct Options {
    /// Where the segments go.
    #[arg(long, default_value = "segments")]
    out: PathBuf,
    /// The encoder is restarted when it says nothing for so many seconds.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    stall: u64,
    /// Ends by itself after so many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Kills the encoder, then stalls it, then ends it, and checks the files with ffprobe.
    #[arg(long, conflicts_with = "seconds")]
    demo: bool,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0} is not installed: on Debian, apt-get install ffmpeg")]
    NotInstalled(&'static str),
    #[error("the segments cannot go to {}: {error}", .path.display())]
    Out { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Unit(#[from] UnitError),
    #[error("{0}")]
    Start(#[from] StartFailed),
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error("{0}")]
    Demo(#[from] demo::Unexpected),
}

fn main() -> ExitCode {
    const UNAVAILABLE: u8 = 69;
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(Options::parse())) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("error: {problem}");
            match problem {
                Problem::NotInstalled(_) => ExitCode::from(UNAVAILABLE),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(options: Options) -> Result<ExitCode, Problem> {
    segments::installed().map_err(Problem::NotInstalled)?;
    std::fs::create_dir_all(&options.out).map_err(|error| Problem::Out {
        path: options.out.clone(),
        error,
    })?;
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Problem::Signals)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(Problem::Signals)?;

    let stall = Duration::from_secs(options.stall);
    let supervisor = Supervisor::builder()
        .shutdown_timeout(Duration::from_secs(15))
        .unit(encoder::unit(&options.out, stall))
        .build()?;
    let story = tokio::spawn(story::tell(supervisor.events()));
    supervisor.start().await?;

    let ending = if options.demo {
        demo::play(&supervisor).await?;
        supervisor.stop("the demonstration is over").await
    } else {
        let time_is_over = async {
            match options.seconds {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ending = supervisor.ended() => ending,
            _ = interrupts.recv() => stop(&supervisor, "Ctrl-C", &mut interrupts).await,
            _ = terminations.recv() => stop(&supervisor, "SIGTERM", &mut terminations).await,
            () = time_is_over => supervisor.stop("the time is over").await,
        }
    };
    drop(supervisor);
    // It ends with the supervisor; a panic in it would be a fault of this program.
    let _ = story.await;

    let written = segments::read(&options.out);
    segments::print(&written);
    Ok(exit_code(&ending))
}

/// Stops everything; a second signal means now.
async fn stop(
    supervisor: &Supervisor,
    by: &str,
    again: &mut tokio::signal::unix::Signal,
) -> Ending {
    tokio::select! {
        ending = supervisor.stop(by) => ending,
        _ = again.recv() => supervisor.kill(format!("{by} again")).await,
    }
}

fn exit_code(ending: &Ending) -> ExitCode {
    ExitCode::from(u8::try_from(ending.exit_code()).unwrap_or(1))
}
