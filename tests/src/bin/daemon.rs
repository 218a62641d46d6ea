//! A daemon that misbehaves on demand, and knows nothing of the workers' library.
//!
//! `daemon <step> <its values> ...` takes these steps one after another, then exits with code 0:
//!
//! - `print TEXT`, `complain TEXT`: a line on stdout, on stderr
//! - `flood N`: so many numbered lines on stdout
//! - `sleep MS`, `wait`: lives on, for so long or without end
//! - `exit CODE`, `die SIGNAL`: ends
//! - `append FILE TEXT`: adds a line to a file
//! - `gate PIPE`: goes on when somebody writes to the named pipe
//! - `env NAME`: prints a variable of its environment
//! - `read`: reads stdin and prints each line, until it is `q` or stdin ends; says which
//! - `escape`: leaves a process in a session of its own that does not end, and prints its number;
//!   `hold` does so too, and that one holds stdout and stderr
//! - `notify TEXT`: sends it to `NOTIFY_SOCKET`, `\n` for the end of a line
//! - `beat MS TEXT`: sends that again and again in the background
//! - `listen PORT`, `serve PORT FILE`: takes connections in the background, answers HTTP with the
//!   status that the file holds, 503 if there is none
//! - `grow MB`: takes so much memory

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process, setsid};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut rest = arguments.iter().map(String::as_str);
    let mut memory = Vec::new();
    while let Some(step) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{step} needs a value"));
        match step {
            "print" => say(value()?)?,
            "complain" => writeln!(std::io::stderr(), "{}", value()?)?,
            "flood" => flood(value()?.parse()?)?,
            "sleep" => thread::sleep(Duration::from_millis(value()?.parse()?)),
            "wait" => loop {
                thread::park();
            },
            "exit" => std::process::exit(value()?.parse()?),
            "die" => die(value()?.parse()?)?,
            "append" => append(value()?, value()?)?,
            "gate" => drop(File::open(value()?)?.read(&mut [0])?),
            "env" => {
                let name = value()?;
                say(&std::env::var(name).unwrap_or("none".into()))?;
            }
            "read" => read()?,
            "escape" => leave_behind(Stdio::null, Stdio::null)?,
            "hold" => leave_behind(Stdio::inherit, Stdio::inherit)?,
            "setsid" => drop(setsid()?),
            "notify" => notify(value()?)?,
            "beat" => beat(value()?.parse()?, value()?.to_owned()),
            "listen" => serve(value()?.parse()?, None)?,
            "serve" => serve(value()?.parse()?, Some(value()?.to_owned()))?,
            "grow" => memory.push(vec![1_u8; value()?.parse::<usize>()? << 20]),
            _ => return Err(format!("no such step: {step}").into()),
        }
    }
    Ok(())
}

/// Whole lines at once: what is cut in two could meet a kill.
fn say(line: &str) -> Result {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes())?;
    Ok(stdout.flush()?)
}

fn flood(lines: u64) -> Result {
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    for line in 0..lines {
        writeln!(stdout, "line {line}")?;
    }
    Ok(stdout.flush()?)
}

fn die(signal: i32) -> Result {
    let signal = Signal::from_named_raw(signal).ok_or("no such signal")?;
    kill_process(getpid(), signal)?;
    loop {
        thread::park();
    }
}

fn append(file: &str, text: &str) -> Result {
    let mut file = File::options().append(true).create(true).open(file)?;
    Ok(file.write_all(format!("{text}\n").as_bytes())?)
}

fn read() -> Result {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        say(&format!("read {line}"))?;
        if line == "q" {
            return Ok(());
        }
    }
    say("end of input")
}

fn leave_behind(stdout: fn() -> Stdio, stderr: fn() -> Stdio) -> Result {
    let child = Command::new(std::env::current_exe()?)
        .args(["setsid", "wait"])
        .stdin(Stdio::null())
        .stdout(stdout())
        .stderr(stderr())
        .spawn()?;
    let pid = child.id();
    // It is in its own session when this process says so.
    while rustix::process::getsid(Some(raw(pid)?))? == rustix::process::getsid(None)? {
        thread::sleep(Duration::from_millis(1));
    }
    say(&format!("left {pid}"))
}

fn raw(pid: u32) -> Result<rustix::process::Pid> {
    rustix::process::Pid::from_raw(pid.cast_signed()).ok_or_else(|| "no process".into())
}

fn notify(text: &str) -> Result {
    let socket = std::env::var_os("NOTIFY_SOCKET").ok_or("NOTIFY_SOCKET is not set")?;
    let text = text.replace("\\n", "\n");
    UnixDatagram::unbound()?.send_to(text.as_bytes(), socket)?;
    Ok(())
}

fn beat(interval_ms: u64, text: String) {
    thread::spawn(move || {
        while notify(&text).is_ok() {
            thread::sleep(Duration::from_millis(interval_ms));
        }
    });
}

fn serve(port: u16, file: Option<String>) -> Result {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let Some(file) = &file else { continue };
            let status = fs::read_to_string(file).unwrap_or("503".into());
            let _ = connection.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", status.trim());
            let _ = connection.write_all(head.as_bytes());
        }
    });
    Ok(())
}
