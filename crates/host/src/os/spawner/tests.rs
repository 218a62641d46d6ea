//! What a process finds when it is started.

use std::io::{Read, Write};

use greenroom_supervision::ExitStatus;

use super::super::testing::{start, *};
use super::*;
use crate::command::Command;

#[tokio::test]
async fn a_daemon_reads_a_pipe_until_we_close_it() {
    let cat = start_with(Command::new("/bin/cat"), Stdin::Pipe, Vec::new()).await;
    let mut stdin = fs::File::from(cat.stdin.unwrap());
    stdin.write_all(b"hello\n").unwrap();
    drop(stdin);
    assert_eq!(text(cat.stdout).await, "hello\n");
    assert_eq!(ended(cat.child).await, ExitStatus::Code(0));
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_does_not_block_us() {
    let sleep = Command::new("/bin/sleep").arg("1000");
    let sleep = start_with(sleep, Stdin::Pipe, Vec::new()).await;
    let mut stdin = fs::File::from(sleep.stdin.unwrap());
    let full = loop {
        if let Err(error) = stdin.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_daemon_without_input_reads_its_end_and_is_no_worker() {
    let script = "cat; echo \"[$GREENROOM_WORKER$GREENROOM_HOST_PID]\"";
    let sh = start(sh(script)).await;
    assert!(sh.stdin.is_none());
    assert_eq!(text(sh.stdout).await, "[]\n");
}

#[tokio::test]
async fn a_worker_gets_a_socket_that_does_not_block() {
    let script = "echo \"$GREENROOM_WORKER $GREENROOM_HOST_PID\"; exec cat >&0";
    let sh = start_with(sh(script), Stdin::ControlSocket, Vec::new()).await;
    assert_eq!(
        first_line(sh.stdout).await,
        format!("1 {}", std::process::id())
    );
    let mut socket = UnixStream::from(sh.stdin.unwrap());
    let nothing = socket.read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_is_added_to_the_environment_takes_the_place_of_what_was_there() {
    let command = Command::new("/usr/bin/env")
        .env("PATH", "/nowhere")
        .env("OURS", "1")
        .env("THEIRS", "1");
    let added = vec![("OURS".into(), "2".into()), ("MORE".into(), "3".into())];
    let env = start_with(command, Stdin::Null, added).await;
    let text = text(env.stdout).await;
    let variables: Vec<&str> = text.lines().collect();
    for wanted in ["PATH=/nowhere", "OURS=2", "THEIRS=1", "MORE=3"] {
        assert!(variables.contains(&wanted), "{wanted} is not in {text}");
    }
    assert_eq!(text.matches("OURS").count(), 1);
    assert!(!text.contains("CARGO"), "{text}");
}

#[tokio::test]
async fn arguments_and_directory_arrive_as_they_are() {
    let directory = std::env::temp_dir().canonicalize().unwrap();
    let command = sh("pwd -P; for word; do echo \"<$word>\"; done; echo no >&2")
        .args(["sh", "", "a b", "$HOME"])
        .current_dir(&directory);
    let sh = start(command).await;
    assert_eq!(
        text(sh.stdout).await,
        format!("{}\n<>\n<a b>\n<$HOME>\n", directory.display())
    );
    assert_eq!(text(sh.stderr).await, "no\n");
    assert_eq!(ended(sh.child).await, ExitStatus::Code(0));
}

#[tokio::test]
async fn a_program_that_the_system_cannot_run_is_an_error_at_once() {
    let path = std::env::temp_dir().join(format!("greenroom-no-shebang-{}", std::process::id()));
    fs::write(&path, "echo hello\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, executable).unwrap();
    let order = Order {
        command: Arc::new(Command::new(&path).resolve().unwrap()),
        stdin: Stdin::Null,
        environment: Vec::new(),
    };
    let failure = soon("a refusal", spawn(order)).await.err().unwrap();
    fs::remove_file(&path).unwrap();
    assert!(failure.permanent, "{failure}");
    assert_eq!(
        failure.errno,
        Some(rustix::io::Errno::NOEXEC.raw_os_error())
    );
}

#[tokio::test]
async fn a_process_leads_a_session_and_holds_nothing_of_ours() {
    let sh = start(sh(
        "ls /proc/self/fd | wc -l; cut -d' ' -f5,6,7 /proc/$$/stat",
    ))
    .await;
    let id = sh.child.id();
    let text = text(sh.stdout).await;
    // Standard input, output and error, and the directory that ls reads.
    let open = 4 + inheritable();
    assert_eq!(text, format!("{open}\n{id} {id} 0\n"));
}

/// What this program has itself been given by whoever runs the tests.
fn inheritable() -> usize {
    const CLOSES_ON_EXEC: u32 = 0o2_000_000;
    let flags = |number: &i32| {
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(flags.trim(), 8).ok()
    };
    (3..1024)
        .filter_map(|number| flags(&number))
        .filter(|flags| flags & CLOSES_ON_EXEC == 0)
        .count()
}

/// The host that starts it runs as under `nohup`, and blocks a signal besides.
#[tokio::test]
async fn no_signal_is_ignored_or_blocked_whatever_the_host_does() {
    let name = "os::spawner::tests::no_signal_is_ignored_or_blocked_whatever_the_host_does";
    if is_host() {
        let mut blocked = nix::sys::signal::SigSet::empty();
        blocked.add(nix::sys::signal::Signal::SIGTERM);
        // Before the spawner thread is there, which inherits it.
        blocked.thread_block().unwrap();
        let ours = fs::read_to_string("/proc/thread-self/status").unwrap();
        println!("host {}", signals(&ours).join(" "));
        let grep = Command::new("/bin/grep").args(["Sig", "/proc/self/status"]);
        for stdin in [Stdin::Null, Stdin::ControlSocket] {
            let grep = start_with(grep.clone(), stdin, Vec::new()).await;
            println!("child {}", signals(&text(grep.stdout).await).join(" "));
        }
        return;
    }
    let mut host = Host::start(name, "trap '' HUP INT QUIT TERM USR1; exec \"$@\"");
    // HUP, INT, QUIT, USR1 and TERM, and PIPE, which every Rust program ignores.
    assert_eq!(host.told("host "), "4000 5207");
    assert_eq!(host.told("child "), "0 0");
    assert_eq!(host.told("child "), "0 0");
}

/// Those of the signals with a name that are blocked, and ignored.
fn signals(status: &str) -> Vec<String> {
    const NAMED: u64 = 0x7fff_ffff;
    ["SigBlk:", "SigIgn:"]
        .iter()
        .filter_map(|name| status.lines().find_map(|line| line.strip_prefix(name)))
        .filter_map(|set| u64::from_str_radix(set.trim(), 16).ok())
        .map(|set| format!("{:x}", set & NAMED))
        .collect()
}
