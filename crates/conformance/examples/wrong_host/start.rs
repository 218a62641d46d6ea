//! Starts a worker's process.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::SyncSender;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::fault::Fault;
use crate::reader::Reader;
use crate::writer::Outbox;
use crate::{Event, LIFETIME, Planted, writer};

/// So many bytes of a line are told.
const LINE: u64 = 4 << 10;

/// The process, and the way to it.
pub(crate) fn start(
    program: &Path,
    generation: u64,
    max_frame: u32,
    events: &SyncSender<Event>,
    planted: Planted,
) -> std::io::Result<(Child, Outbox)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(program);
    if !planted.is(Fault::HidesThatItIsAHost) {
        command.env("GREENROOM_WORKER", "1");
    }
    if !planted.is(Fault::HidesItsPid) {
        let other = u32::from(planted.is(Fault::SaysAnotherPid));
        command.env(
            "GREENROOM_HOST_PID",
            (std::process::id() + other).to_string(),
        );
    }
    let stdin = match planted.is(Fault::GivesAPipe) {
        true => Stdio::piped(),
        false => OwnedFd::from(theirs).into(),
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    // It holds the worker's end.
    drop(command);
    if let Some(stdout) = child.stdout.take() {
        let events = events.clone();
        std::thread::spawn(move || tell_lines(stdout, "stdout", &events, planted));
    }
    if let Some(stderr) = child.stderr.take() {
        let events = events.clone();
        std::thread::spawn(move || tell_lines(stderr, "stderr", &events, planted));
    }
    let outbox = writer::start(ours.try_clone()?, planted)?;
    let reader = Reader::new(ours, max_frame, planted);
    let events = events.clone();
    std::thread::spawn(move || reader.read_on(generation, &events));
    Ok((child, outbox))
}

/// The process and whatever it has started.
pub(crate) fn kill(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

fn tell_lines(pipe: impl Read, stream: &'static str, events: &SyncSender<Event>, planted: Planted) {
    if planted.is(Fault::ReadsNoLines) {
        // As long as the pipe is open, its writer waits.
        std::thread::sleep(LIFETIME);
    }
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    let most = match planted.is(Fault::KeepsLongLinesWhole) {
        true => u64::MAX,
        false => LINE,
    };
    let end = match planted.is(Fault::EndsLinesAtAZero) {
        true => 0,
        false => b'\n',
    };
    while pipe
        .by_ref()
        .take(most)
        .read_until(end, &mut line)
        .is_ok_and(|count| count > 0)
    {
        let has_end = line.last() == Some(&b'\n');
        if !has_end && line.len() as u64 == LINE {
            // The rest of a line that is too long.
            let _ = pipe.skip_until(b'\n');
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let no_text = planted.is(Fault::DropsWhatIsNoUtf8) && text.contains('\u{fffd}');
        let no_end = planted.is(Fault::DropsALineWithoutAnEnd) && !has_end;
        let record = (stream == "stderr").then(|| message_of(text)).flatten();
        let dropped = (record.is_none() && planted.is(Fault::DropsText)) || no_text || no_end;
        let text = record.unwrap_or_else(|| text.to_owned());
        if !dropped && events.send(Event::Line(stream, text)).is_err() {
            return;
        }
        line.clear();
    }
}

/// Of a record, its message is told.
fn message_of(line: &str) -> Option<String> {
    let record: Value = serde_json::from_str(line).ok()?;
    record.get("level")?.as_str()?;
    Some(record.get("message")?.as_str()?.to_owned())
}
