//! Nothing outlives a host, however it ends.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::super::testing::*;
use super::super::{Mark, Stdin};
use super::*;
use crate::command::Command;

fn guard_pid() -> Pid {
    let guard = guard();
    Pid::from_raw(guard.process.as_ref().unwrap()._child.id().cast_signed()).unwrap()
}

fn sleep() -> Command {
    Command::new("/bin/sleep").arg("1000")
}

/// The daemons that a host tells of, and its guard.
fn family(host: &mut Host) -> Vec<Other> {
    let pids = host.told("family ");
    pids.split(' ').map(Other::new).collect()
}

async fn all_end(family: Vec<Other>) -> Duration {
    let begin = Instant::now();
    for member in family {
        member.ended().await;
    }
    begin.elapsed()
}

/// Twenty daemons, a grandchild that has left its group, one that is stopped, and the guard.
async fn twenty_daemons() -> (String, Vec<super::super::Spawned>) {
    let mut running = Vec::new();
    let mut pids = Vec::new();
    for generation in 0..19 {
        running.push(start(sleep()).await);
        pids.push(running[generation].child.id().to_string());
    }
    running[0].child.signal(19).unwrap();
    let mark = Mark::new("stray", 1);
    let script = "setsid sh -c 'echo $$; exec sleep 1000' & exec sleep 1000";
    let mut stray = start_with(sh(script), Stdin::Pipe, vec![mark.variable()]).await;
    pids.push(stray.child.id().to_string());
    let null = fs::File::open("/dev/null").unwrap().into();
    let stdout = std::mem::replace(&mut stray.stdout, null);
    pids.push(first_line(stdout).await);
    pids.push(guard_pid().as_raw_pid().to_string());
    running.push(stray);
    (pids.join(" "), running)
}

#[tokio::test]
async fn nothing_outlives_a_host_that_is_killed() {
    if is_host() {
        let (family, _running) = twenty_daemons().await;
        println!("family {family}");
        return wait_for_end_of_input();
    }
    let name = "os::guard::tests::nothing_outlives_a_host_that_is_killed";
    let mut host = Host::start(name, "exec \"$@\"");
    let family = family(&mut host);
    assert_eq!(family.len(), 22);
    assert!(family.iter().all(Other::runs));
    host.program.kill().unwrap();
    println!("none alive after {:?}", all_end(family).await);
}

#[tokio::test]
async fn the_guard_ends_with_a_host_that_just_exits() {
    if is_host() {
        let (family, running) = twenty_daemons().await;
        println!("family {family}");
        // No destructor runs at the end of a process.
        std::mem::forget(running);
        wait_for_end_of_input();
        std::process::exit(0);
    }
    let name = "os::guard::tests::the_guard_ends_with_a_host_that_just_exits";
    let mut host = Host::start(name, "exec \"$@\"");
    let family = family(&mut host);
    drop(host.program.stdin.take());
    assert!(host.program.wait().unwrap().success());
    all_end(family).await;
}

#[tokio::test]
async fn a_guard_that_was_killed_is_replaced_and_told_of_all_daemons() {
    if is_host() {
        let first = start(sleep()).await;
        let old = guard_pid();
        let old_guard = Other::new(&old.as_raw_pid().to_string());
        kill_process(old, Signal::KILL).unwrap();
        old_guard.ended().await;
        let second = start(sleep()).await;
        let new = guard_pid();
        assert_ne!(old, new);
        let (first, second) = (&first.child, &second.child);
        println!("family {} {} {}", first.id(), second.id(), new.as_raw_pid());
        return wait_for_end_of_input();
    }
    let name = "os::guard::tests::a_guard_that_was_killed_is_replaced_and_told_of_all_daemons";
    let mut host = Host::start(name, "exec \"$@\"");
    let family = family(&mut host);
    host.program.kill().unwrap();
    all_end(family).await;
}

/// More groups than a socket holds lines, and nothing else that would show the guard's end.
#[tokio::test]
async fn a_guard_that_was_killed_is_replaced_at_once_whatever_there_is() {
    const GROUPS: usize = 400;
    if is_host() {
        let script = format!(
            "i=0; while [ $i -lt {GROUPS} ]; do i=$((i+1)); \
             setsid sh -c 'echo $$; exec sleep 1000' & done; wait"
        );
        let parent = start(sh(&script)).await;
        let mut pids = lines(parent.stdout, GROUPS).await;
        for pid in &pids {
            let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
            super::add(Group::led_by(pid));
        }
        for _ in 0..3 {
            let old = guard_pid();
            kill_process(old, Signal::KILL).unwrap();
            soon("another guard", async {
                while guard_pid() == old {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .await;
        }
        pids.push(parent.child.id().to_string());
        pids.push(guard_pid().as_raw_pid().to_string());
        println!("family {}", pids.join(" "));
        return wait_for_end_of_input();
    }
    let name = "os::guard::tests::a_guard_that_was_killed_is_replaced_at_once_whatever_there_is";
    let mut host = Host::start(name, "exec \"$@\"");
    let family = family(&mut host);
    assert_eq!(family.len(), GROUPS + 2);
    host.program.kill().unwrap();
    all_end(family).await;
}

#[tokio::test]
async fn a_guard_that_does_not_read_is_replaced() {
    if is_host() {
        let first = start(sleep()).await;
        let old = guard_pid();
        kill_process(old, Signal::STOP).unwrap();
        let mut lives = 0;
        while guard_pid() == old {
            ended(start(Command::new("/bin/true")).await.child).await;
            lives += 1;
            assert!(lives < 100_000, "its socket never fills up");
        }
        let new = guard_pid();
        println!("family {} {}", first.child.id(), new.as_raw_pid());
        return wait_for_end_of_input();
    }
    let name = "os::guard::tests::a_guard_that_does_not_read_is_replaced";
    let mut host = Host::start(name, "exec \"$@\"");
    let family = family(&mut host);
    host.program.kill().unwrap();
    all_end(family).await;
}

/// A host must not end a group that has taken over a number it once knew.
#[tokio::test]
async fn groups_that_are_gone_are_forgotten() {
    let sh = start(sh("sleep 1000 & exit 0")).await;
    let group = sh.child.group();
    assert!(super::guard().groups.contains(&group));
    ended(sh.child).await;
    super::super::extinct(group, Duration::from_secs(20)).await;
    soon("the end of a zombie", async {
        while !group.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    forget_empty_groups();
    assert!(!super::guard().groups.contains(&group));
}
