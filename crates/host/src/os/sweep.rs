//! The one thread that looks for processes by their mark.
//!
//! A grandchild that has left its group is found by the environment that it has inherited. The
//! thread sleeps until somebody asks or something that it has killed has ended, and serves everybody
//! who waits with one look. A process that does not end, because it waits for a device, keeps only
//! its own unit waiting.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

use super::child::has_ended;
use super::guard;
use super::mark::Mark;
use super::proc::{self, Environment};

/// Looks for one request: what forks or runs another program while it is looked at is found at the
/// next.
const LOOKS: usize = 8;
/// How long to leave a process that is in the middle of `exec` at first, twice as long each time, and
/// how long in all.
const EXEC: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
const PATIENCE: Duration = Duration::from_secs(1);
/// How long what was killed may take to end. Only a process that waits for a device takes longer.
const DYING: Duration = Duration::from_secs(1);

struct Request {
    variable: OsString,
    reply: oneshot::Sender<Vec<u32>>,
}

/// The way to the thread.
struct Thread {
    requests: Sender<Request>,
    /// Wakes it.
    wake: Arc<OwnedFd>,
}

/// Ends every process that was started with this mark and has kept it, wherever it has gone, and
/// waits until it has ended, at most about a second for each look that finds more. Gives the numbers
/// of those that were killed.
///
/// Whoever clears its environment is not found. Processes of other users are left alone, and so is
/// everything if the thread cannot be started: a warning says so once.
///
/// Cancel-safe: what was asked for is done all the same.
pub(crate) async fn sweep(mark: Mark) -> Vec<u32> {
    // Unbounded, but each unit that has ended asks once.
    static THREAD: OnceLock<Option<Thread>> = OnceLock::new();
    let thread = THREAD.get_or_init(|| match start() {
        Ok(thread) => Some(thread),
        Err(error) => {
            tracing::warn!(%error, "what leaves its process group is not ended");
            None
        }
    });
    let Some(thread) = thread else {
        return Vec::new();
    };
    let (reply, answer) = oneshot::channel();
    let variable = mark.line();
    // The thread ends only with the host.
    let _ = thread.requests.send(Request { variable, reply });
    // Nobody fills that counter up.
    let _ = rustix::io::write(&thread.wake, &1_u64.to_ne_bytes());
    answer.await.unwrap_or_default()
}

fn start() -> io::Result<Thread> {
    let (requests, queue) = channel();
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let woken = Arc::clone(&wake);
    std::thread::Builder::new()
        .name("greenroom-sweep".into())
        .spawn(move || serve(&queue, &woken))?;
    Ok(Thread { requests, wake })
}

fn serve(queue: &Receiver<Request>, wake: &OwnedFd) {
    let mut searches: Vec<Search> = Vec::new();
    loop {
        sleep(&mut searches, wake);
        searches.extend(queue.try_iter().map(Search::new));
        let now = Instant::now();
        let (mut due, waiting): (Vec<_>, Vec<_>) = searches
            .into_iter()
            .partition(|search| search.next_look <= now);
        searches = waiting;
        if due.is_empty() {
            continue;
        }
        look(&mut due);
        let (over, unfinished): (Vec<_>, Vec<_>) = due.into_iter().partition(Search::is_over);
        searches.extend(unfinished);
        if over.is_empty() {
            continue;
        }
        guard::forget_empty_groups();
        for search in over {
            // Whoever has stopped waiting does not want to know.
            let _ = search.reply.send(search.killed.into_keys().collect());
        }
    }
}

/// Until somebody asks, or a search is due again.
fn sleep(searches: &mut [Search], wake: &OwnedFd) {
    let until = searches.iter().map(|search| search.next_look).min();
    let dying = searches.iter().flat_map(|search| &search.dying);
    let mut awaited: Vec<PollFd<'_>> = std::iter::once(wake)
        .chain(dying)
        .map(|fd| PollFd::new(fd, PollFlags::IN))
        .collect();
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    // So little always fits.
    let left = left.and_then(|left| Timespec::try_from(left).ok());
    // Interrupted or late: what is there tells.
    let _ = poll(&mut awaited, left.as_ref());
    let _ = rustix::io::read(wake, &mut [0_u8; 8]);
    let now = Instant::now();
    for search in searches
        .iter_mut()
        .filter(|search| !search.dying.is_empty())
    {
        search.dying.retain(|pidfd| !has_ended(pidfd.as_fd()));
        if search.dying.is_empty() {
            search.next_look = now;
        }
    }
}

/// The search for one request.
struct Search {
    variable: OsString,
    reply: oneshot::Sender<Vec<u32>>,
    /// Who was killed, and when first.
    killed: BTreeMap<u32, Instant>,
    begun: Instant,
    looks: usize,
    /// How long to leave one that is in the middle of `exec`.
    pause: Duration,
    /// As soon as all have ended that were killed at the last one, or at the latest when they have had
    /// their time.
    next_look: Instant,
    /// What was killed at the last look and has not ended.
    dying: Vec<OwnedFd>,
    /// Whether the last look has found anything that makes another one worth while.
    found: bool,
}

impl Search {
    fn new(request: Request) -> Self {
        Self {
            variable: request.variable,
            reply: request.reply,
            killed: BTreeMap::new(),
            begun: Instant::now(),
            looks: 0,
            pause: EXEC,
            next_look: Instant::now(),
            dying: Vec::new(),
            found: false,
        }
    }

    /// Somebody is in the middle of `exec`, which on a busy machine takes its time.
    fn look_again(&mut self) {
        let now = Instant::now();
        if now < self.begun + PATIENCE {
            self.looks -= 1;
            self.found = true;
            self.next_look = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn is_over(&self) -> bool {
        !self.found || self.looks >= LOOKS
    }

    fn found(&mut self, now: Instant, pid: Pid, pidfd: OwnedFd) {
        let first = self.killed.entry(pid.as_raw_pid().unsigned_abs());
        // One that has had its time is waited for no longer.
        if now < *first.or_insert(now) + DYING {
            self.found = true;
            self.next_look = now + DYING;
            self.dying.push(pidfd);
        }
    }
}

enum Found {
    Killed {
        search: usize,
        pid: Pid,
        pidfd: OwnedFd,
    },
    /// It has to be looked at again.
    NotYetKnown,
}

/// Looks at every process once, and kills those that bear one of the marks.
fn look(searches: &mut [Search]) {
    for search in &mut *searches {
        search.looks += 1;
        search.found = false;
        search.dying.clear();
    }
    let processes = match proc::processes() {
        Ok(processes) => processes,
        Err(error) => {
            tracing::warn!(%error, "what has left its process group is not ended");
            return;
        }
    };
    let mut again = false;
    for pid in processes {
        match examine(searches, pid) {
            Some(Found::Killed { search, pid, pidfd }) => {
                searches[search].found(Instant::now(), pid, pidfd);
            }
            Some(Found::NotYetKnown) => again = true,
            None => {}
        }
    }
    for search in searches.iter_mut().filter(|search| again && !search.found) {
        search.look_again();
    }
}

fn examine(searches: &[Search], pid: Pid) -> Option<Found> {
    let environment = Environment::of(pid);
    if matches!(environment, Environment::NotYet) {
        return Some(Found::NotYetKnown);
    }
    let search = searches
        .iter()
        .position(|search| environment.holds(&search.variable))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // Again, now that the descriptor holds it: the number may have changed hands.
    match Environment::of(pid) {
        Environment::NotYet => Some(Found::NotYetKnown),
        sure if sure.holds(&searches[search].variable) => {
            pidfd_send_signal(&pidfd, Signal::KILL).ok()?;
            Some(Found::Killed { search, pid, pidfd })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stdin;
    use super::super::testing::*;
    use super::*;

    #[tokio::test]
    async fn what_has_left_its_group_is_found_by_its_mark() {
        let mark = Mark::new("camera", 7);
        let script = "setsid sh -c 'sleep 1000 & echo $$ $!; wait' & wait";
        let sh = start_with(sh(script), Stdin::Null, vec![mark.variable()]).await;
        let line = first_line(sh.stdout).await;
        let (parent, grandchild) = line.split_once(' ').unwrap();
        let strays = [Other::new(parent), Other::new(grandchild)];
        sh.child.kill();
        ended(sh.child).await;
        assert!(strays.iter().all(Other::runs));

        let mut expected: Vec<u32> = [parent, grandchild].map(|pid| pid.parse().unwrap()).into();
        expected.sort_unstable();
        assert_eq!(soon("a sweep", sweep(mark.clone())).await, expected);
        for stray in strays {
            stray.ended().await;
        }
        assert_eq!(soon("a sweep", sweep(mark)).await, NOBODY);
    }

    #[tokio::test]
    async fn whoever_only_speaks_of_a_mark_or_bears_another_one_is_left_alone() {
        let mark = Mark::new("camera", 1);
        let line = mark.line().into_string().unwrap();
        let others = [
            vec![("SPEAKS_OF_IT".into(), mark.line())],
            vec![("SPEAKS_OF_IT".into(), format!("x\n{line}\ny").into())],
            vec![(
                format!("NOT_{line}").split_once('=').unwrap().0.into(),
                mark.variable().1,
            )],
            vec![Mark::new("camera", 10).variable()],
            vec![Mark::new("camera", 2).variable()],
            vec![Mark::new("camera2", 1).variable()],
        ];
        let mut running = Vec::new();
        for environment in others {
            running.push(start_with(sh("sleep 1000"), Stdin::Null, environment).await);
        }
        let marked = start_with(sh("sleep 1000"), Stdin::Null, vec![mark.variable()]).await;
        assert!(
            soon("a sweep", sweep(mark))
                .await
                .contains(&marked.child.id())
        );
        for spared in running {
            assert!(Other::new(&spared.child.id().to_string()).runs());
        }
    }

    #[tokio::test]
    async fn many_who_ask_at_once_are_all_served() {
        let mut asked = tokio::task::JoinSet::new();
        let mut running = Vec::new();
        for generation in 0..20 {
            let mark = Mark::new("many", generation);
            let sleep = start_with(sh("exec sleep 1000"), Stdin::Null, vec![mark.variable()]).await;
            let pid = sleep.child.id();
            running.push(sleep);
            asked.spawn(async move { (pid, sweep(mark).await) });
        }
        while let Some(answer) = soon("an answer", asked.join_next()).await {
            let (pid, killed) = answer.unwrap();
            assert_eq!(killed, [pid]);
        }
    }

    /// As far as that can be had without a broken device.
    #[test]
    fn one_that_does_not_end_is_not_waited_for_twice() {
        let (reply, _answer) = oneshot::channel();
        let variable = Mark::new("stubborn", 1).line();
        let mut search = Search::new(Request { variable, reply });
        let pid = rustix::process::getpid();
        let pidfd = || pidfd_open(pid, PidfdFlags::empty()).unwrap();
        let first = Instant::now();
        search.found(first, pid, pidfd());
        assert!(!search.is_over());
        assert_eq!(search.next_look, first + DYING);
        search.found = false;
        search.found(first + DYING, pid, pidfd());
        assert!(search.is_over());
        assert_eq!(search.killed.len(), 1);
    }
}
