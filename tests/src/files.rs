//! Files that puppets write and tests read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::within;

/// A directory of one test, gone with it.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new, empty one.
    ///
    /// # Panics
    ///
    /// If the system has no room for it.
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// The path of a file in it, as text for an argument or metadata.
    ///
    /// # Panics
    ///
    /// If the system's directory for such things has no name in UTF-8.
    pub fn file(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.into_os_string().into_string().expect("UTF-8")
    }

    /// The path of a named pipe in it, and the lines that are written to it as they come.
    ///
    /// # Panics
    ///
    /// If the system refuses one.
    pub fn pipe(&self, name: &str) -> (String, Lines) {
        let path = self.file(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
        // Open for writing too, so that it does not end with its first writer.
        let pipe = File::options().read(true).write(true).open(&path);
        let pipe = BufReader::new(pipe.expect("the pipe opens"));
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in pipe.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        (path, Lines(lines))
    }
}

/// Lines from a named pipe.
#[derive(Debug)]
pub struct Lines(mpsc::UnboundedReceiver<String>);

impl Lines {
    /// The next one.
    ///
    /// # Panics
    ///
    /// If none comes for 20 s.
    #[track_caller]
    pub fn line(&mut self) -> impl Future<Output = String> {
        let next = within(20, self.0.recv());
        async { next.await.expect("the pipe stays open") }
    }
}

/// The lines of a file; none if there is no file.
pub fn lines(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
