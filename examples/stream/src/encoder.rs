//! ffmpeg as a unit.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use greenroom::unit::{
    Backoff, OnFailure, Ready, Restart, RestartPolicy, StopAction, StopLadder, StopStep,
};
use greenroom::{Bytes, Command, Daemon, Unit};

/// The unit's name.
pub(crate) const NAME: &str = "encoder";

/// ffmpeg, which encodes a moving test picture and a tone into files of 2 s each in `out`.
pub(crate) fn unit(out: &Path, stall: Duration) -> Unit {
    let out = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    let runs = AtomicU32::new(next_run(&out));
    let daemon = Daemon::new(move || {
        // Each run has files of its own: the last one of a run that was killed stays to be looked at.
        let run = runs.fetch_add(1, Ordering::Relaxed);
        command().arg(out.join(format!("run{run:03}-%04d.mp4")))
    });
    Unit::new(NAME, daemon)
        // `-progress` reports a first time once the encoder works.
        .ready_when(Ready::LogLine(progress()))
        .start_timeout(Duration::from_secs(20))
        // It reports twice a second: silence means that it is stuck.
        .activity(stall, OnFailure::Restart)
        .restart_policy(RestartPolicy {
            restart: Restart::Always,
            backoff: Backoff {
                initial: Duration::from_millis(200),
                max: Duration::from_secs(10),
            },
            ..RestartPolicy::default()
        })
        .stop(StopLadder {
            steps: vec![
                step(StopAction::Write(Bytes::from_static(b"q")), 3),
                step(StopAction::Signal(SIGINT), 2),
            ],
        })
        .on_failure(|report| eprintln!("the encoder was given up: {report}"))
}

const SIGINT: i32 = 2;

fn step(action: StopAction, seconds: u64) -> StopStep {
    StopStep {
        action,
        wait: Duration::from_secs(seconds),
    }
}

fn progress() -> regex::Regex {
    regex::Regex::new("^progress=").expect("a constant expression is valid")
}

fn command() -> Command {
    Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "warning", "-nostats"])
        .args(["-progress", "pipe:1", "-stats_period", "0.5"])
        .args(["-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25"])
        .args(["-re", "-f", "lavfi", "-i", "sine=frequency=440"])
        // A key frame each second, so that segments can begin there.
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"])
        .args(["-pix_fmt", "yuv420p", "-c:a", "aac"])
        .args(["-f", "segment", "-segment_time", "2"])
        .args(["-reset_timestamps", "1"])
}

/// The first run whose files do not exist.
fn next_run(out: &Path) -> u32 {
    let taken = |run: u32| out.join(format!("run{run:03}-0000.mp4")).exists();
    (0..).find(|run| !taken(*run)).unwrap_or_default()
}
