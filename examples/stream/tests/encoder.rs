//! The encoder's fates, with a real ffmpeg. Without one installed these tests say so and pass.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program, running.
struct Stream {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// What it has printed so far.
    seen: Vec<String>,
    out: TempDir,
}

impl Stream {
    /// Starts it and waits until it encodes; `None` without ffmpeg.
    fn start(arguments: &[&str]) -> Option<Self> {
        let probe = Command::new("ffprobe").arg("-version").output();
        if probe.is_err() {
            eprintln!("skipped: ffmpeg is not installed");
            return None;
        }
        let out = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(env!("CARGO_BIN_EXE_stream"))
            .arg("--out")
            .arg(out.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut stream = Self {
            child,
            lines,
            seen: Vec::new(),
            out,
        };
        stream.until("is ready");
        Some(stream)
    }

    fn until(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.next();
            let Some(Ok(line)) = line else {
                panic!("it ended before it said {words:?}: {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    fn encoder(&self) -> Pid {
        let line = self.seen.iter().rev();
        let mut pids = line.filter_map(|line| line.split("runs as process ").nth(1));
        let pid = pids.next().and_then(|pid| pid.trim().parse().ok());
        Pid::from_raw(pid.expect("a process number")).expect("above 0")
    }

    /// Ctrl-C; then everything that it printed, and its files.
    fn end(mut self) -> (i32, Vec<String>, Vec<PathBuf>) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it runs");
        for line in self.lines.by_ref() {
            self.seen.push(line.expect("UTF-8"));
        }
        let code = self.child.wait().expect("it ends").code();
        let files = std::fs::read_dir(self.out.path()).expect("its directory");
        let files = files.map(|file| file.expect("a file").path()).collect();
        (code.expect("a code"), self.seen, files)
    }
}

fn files_that_do_not_play(seen: &[String]) -> usize {
    let broken = |line: &&String| line.contains("does not play");
    seen.iter().filter(broken).count()
}

#[test]
fn ctrl_c_lets_it_finish_a_playable_last_file() {
    let Some(stream) = Stream::start(&[]) else {
        return;
    };
    let (code, seen, files) = stream.end();
    assert_eq!(code, 0, "{seen:#?}");
    assert!(!files.is_empty());
    assert_eq!(files_that_do_not_play(&seen), 0, "{seen:#?}");
    assert!(seen.iter().any(|line| line.contains("1 bytes on stdin")));
}

#[test]
fn killed_it_is_back_and_writes_new_files() {
    let Some(mut stream) = Stream::start(&[]) else {
        return;
    };
    let first = stream.encoder();
    kill_process(first, Signal::KILL).expect("the encoder runs");
    stream.until("will be restarted in");
    stream.until("is ready");
    assert_ne!(stream.encoder(), first);
    let (code, seen, files) = stream.end();
    assert_eq!(code, 0, "{seen:#?}");
    let of_run = |run: &str| {
        let named = |file: &&PathBuf| {
            file.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(run))
        };
        files.iter().filter(named).count()
    };
    assert!(of_run("run000") > 0 && of_run("run001") > 0, "{files:?}");
}

#[test]
fn stalled_it_is_restarted_because_it_is_silent() {
    let Some(mut stream) = Stream::start(&["--stall", "2"]) else {
        return;
    };
    let first = stream.encoder();
    kill_process(first, Signal::STOP).expect("the encoder runs");
    stream.until("has said nothing for");
    stream.until("is ready");
    assert_ne!(stream.encoder(), first);
    assert_eq!(stream.end().0, 0);
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_in_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_stream"))
        .args(["--out", "/dev/null/segments"])
        .output()
        .expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("cannot go to /dev/null/segments") || words.contains("not installed"),
        "{words}"
    );
    assert!(!output.status.success());
}
