//! Notifications as services send them, and as they should not.

use std::future::Future;
use std::io::IoSlice;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::PipeFlags;

use super::directory::Directory;
use super::message::{Unusable, parse};
use super::{DATAGRAM, Notification, NotifySocket, Watchdog};

/// Only a hang takes this long.
const LONG: Duration = Duration::from_secs(60);

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it hangs")
}

fn said(datagram: &str) -> Notification {
    let (notification, unusable) = parse(datagram.as_bytes());
    assert_eq!(unusable, None, "{datagram:?}");
    notification
}

fn nothing() -> Notification {
    Notification::default()
}

fn ready() -> Notification {
    Notification {
        ready: true,
        ..nothing()
    }
}

fn send(socket: &NotifySocket, datagram: &[u8]) {
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(datagram, socket.path()).unwrap();
}

// ---- what a datagram says

#[test]
fn every_key_that_matters_is_read() {
    assert_eq!(said("READY=1"), ready());
    assert!(said("RELOADING=1\nMONOTONIC_USEC=7").reloading);
    assert!(said("STOPPING=1").stopping);
    assert_eq!(said("STATUS=a=b c").status.unwrap(), "a=b c");
    assert_eq!(said("STATUS=").status.unwrap(), "");
    assert_eq!(said("WATCHDOG=1").watchdog, Some(Watchdog::Alive));
    assert_eq!(said("WATCHDOG=trigger").watchdog, Some(Watchdog::Trigger));
    let limit = said("WATCHDOG_USEC=1500000").watchdog_usec;
    assert_eq!(limit, Some(Duration::from_millis(1_500)));
    let more = said("EXTEND_TIMEOUT_USEC=10").extend_timeout;
    assert_eq!(more, Some(Duration::from_micros(10)));
    let longest = said(&format!("WATCHDOG_USEC={}", u64::MAX)).watchdog_usec;
    assert_eq!(longest, Some(Duration::from_micros(u64::MAX)));
}

#[test]
fn one_datagram_may_say_several_things() {
    let notification = said("STATUS=warming up\nWATCHDOG=1\nREADY=1\nEXTEND_TIMEOUT_USEC=5\n");
    let expected = Notification {
        status: Some("warming up".into()),
        watchdog: Some(Watchdog::Alive),
        extend_timeout: Some(Duration::from_micros(5)),
        ..ready()
    };
    assert_eq!(notification, expected);
    assert_eq!(said("READY=1\0"), ready());
}

#[test]
fn a_call_for_the_end_is_not_taken_back_in_the_same_breath() {
    for both in [
        "WATCHDOG=trigger\nWATCHDOG=1",
        "WATCHDOG=1\nWATCHDOG=trigger",
    ] {
        assert_eq!(said(both).watchdog, Some(Watchdog::Trigger));
    }
}

#[test]
fn what_is_not_known_is_passed_over() {
    for other in [
        "X_MINE=1",
        "MAINPID=1",
        "ERRNO=2",
        "BARRIER=1",
        "FDSTORE=1",
        "=",
        "READY=0",
    ] {
        assert_eq!(said(other), nothing(), "{other}");
    }
    assert_eq!(said("FOO=1\nnonsense\nREADY=1\n\n"), ready());
}

#[test]
fn what_is_malformed_is_named() {
    assert_eq!(parse(b""), (nothing(), Some(Unusable::NoAssignment)));
    assert_eq!(parse(b"READY"), (nothing(), Some(Unusable::NoAssignment)));
    assert_eq!(parse(b"READY=1\0A=1"), (nothing(), Some(Unusable::Nul)));
    for wrong in ["", "-1", "1.5", "5s", "99999999999999999999"] {
        let datagram = format!("WATCHDOG_USEC={wrong}\nREADY=1");
        let unusable = Unusable::NotANumber("WATCHDOG_USEC");
        // The rest of it holds.
        assert_eq!(parse(datagram.as_bytes()), (ready(), Some(unusable)));
    }
}

#[test]
fn a_status_is_harmless_and_bounded() {
    assert_eq!(said("STATUS=\u{1b}[2Jhi").status.unwrap(), "\u{fffd}[2Jhi");
    let (notification, _) = parse(b"STATUS=caf\xe9\nREADY=1");
    assert_eq!(notification.status.unwrap(), "caf\u{fffd}");
    assert!(notification.ready);
    for text in ["x", "\u{1b}", "\u{e9}"] {
        let status = said(&format!("STATUS={}", text.repeat(2_000)))
            .status
            .unwrap();
        assert!((1_020..=1_024).contains(&status.len()), "{}", status.len());
    }
}

// ---- the socket

#[tokio::test]
async fn sockets_share_a_private_directory_and_no_name() {
    let first = NotifySocket::bind().unwrap();
    let second = NotifySocket::bind().unwrap();
    assert_eq!(first.path().parent(), second.path().parent());
    let directory = first.path().parent().unwrap().metadata().unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    let (path, other) = (first.path().to_owned(), second.path().to_owned());
    drop(first);
    assert!(!path.exists());
    assert!(other.exists());
    let next = NotifySocket::bind().unwrap();
    assert_ne!(next.path(), path, "a name is not used again");
}

#[test]
fn a_directory_goes_with_its_owner() {
    let directory = Directory::make().unwrap();
    let path = directory.next_path().parent().unwrap().to_owned();
    assert!(path.is_dir());
    drop(directory);
    assert!(!path.exists());
}

#[test]
fn a_place_that_is_too_deep_is_refused_in_words() {
    let place = PathBuf::from(format!("/{}", "x".repeat(90)));
    let error = Directory::make_in(&place).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("too long a path"), "{error}");
}

#[tokio::test]
async fn notifications_come_in_order() {
    let mut socket = NotifySocket::bind().unwrap();
    send(&socket, b"STATUS=one");
    send(&socket, b"READY=1");
    assert_eq!(within(socket.recv()).await.status.unwrap(), "one");
    assert_eq!(within(socket.recv()).await, ready());
}

#[tokio::test]
async fn junk_is_counted_and_hides_nothing() {
    let mut socket = NotifySocket::bind().unwrap();
    let mut oversize = b"READY=1\nX=".to_vec();
    oversize.resize(DATAGRAM + 1, b'x');
    for junk in [&b""[..], b"junk", b"READY=1\0\0", &oversize] {
        send(&socket, junk);
    }
    send(&socket, b"UNKNOWN=1");
    // As long as one may be.
    let mut largest = b"READY=1\nX=".to_vec();
    largest.resize(DATAGRAM, b'x');
    send(&socket, &largest);
    assert_eq!(within(socket.recv()).await, ready());
    assert_eq!(socket.ignored, 4);
}

#[tokio::test]
async fn a_flood_is_taken_one_datagram_at_a_time() {
    let mut socket = NotifySocket::bind().unwrap();
    for _ in 0..3 {
        send(&socket, b"junk");
    }
    for looks in 1..=3 {
        // The first look only asks the runtime; it may have to be asked again.
        within(std::future::poll_fn(|context| {
            assert!(socket.poll_recv(context).is_pending());
            match socket.ignored {
                ignored if ignored >= looks => std::task::Poll::Ready(()),
                _ => std::task::Poll::Pending,
            }
        }))
        .await;
        assert_eq!(socket.ignored, looks);
    }
}

#[tokio::test]
async fn descriptors_that_come_along_are_closed() {
    let mut socket = NotifySocket::bind().unwrap();
    let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
    let (reader, writer) = rustix::pipe::pipe_with(flags).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect(socket.path()).unwrap();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [writer.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let text = [IoSlice::new(b"BARRIER=1\nREADY=1")];
    rustix::net::sendmsg(&sender, &text, &mut control, SendFlags::empty()).unwrap();
    drop(writer);
    let read = || rustix::io::read(&reader, &mut [0; 1]);
    // The datagram holds the other end as long as nobody takes it.
    assert_eq!(read(), Err(Errno::AGAIN));
    assert_eq!(within(socket.recv()).await, ready());
    assert_eq!(read(), Ok(0), "the end, at once");
}

#[tokio::test]
async fn the_systems_own_client_is_understood() {
    let mut socket = NotifySocket::bind().unwrap();
    let client = Command::new("systemd-notify")
        .args(["--ready", "--status=all is well"])
        .env("NOTIFY_SOCKET", socket.path())
        .stdin(Stdio::null())
        .spawn();
    let Ok(mut client) = client else {
        eprintln!("skipped: this machine has no systemd-notify");
        return;
    };
    let notification = within(socket.recv()).await;
    assert!(notification.ready);
    assert_eq!(notification.status.unwrap(), "all is well");
    // It may wait until its descriptor has come and been closed.
    let ended = tokio::task::spawn_blocking(move || client.wait().unwrap());
    tokio::pin!(ended);
    let status = within(async {
        loop {
            tokio::select! {
                status = &mut ended => break status.unwrap(),
                _ = socket.recv() => {}
            }
        }
    });
    assert!(status.await.success());
}
