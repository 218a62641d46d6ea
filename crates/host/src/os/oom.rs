//! Whether the system has killed for want of memory.
//!
//! It kills with the same signal as everybody else and tells nobody; it only counts. The counter of
//! this host's own control group knows of nobody else's deaths and is a small file. Without one there
//! is the counter of the whole machine, among 180 others.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// All counters of the machine take some 5 KiB.
const LARGEST: usize = 16 << 10;

/// Whether the system has killed anything for want of memory since this was last asked. It does not
/// say whom: ask right after a SIGKILL that nobody here has sent.
pub(crate) fn out_of_memory_since_last_look() -> bool {
    static COUNTER: OnceLock<Option<PathBuf>> = OnceLock::new();
    static SEEN: AtomicU64 = AtomicU64::new(u64::MAX);
    let counter =
        COUNTER.get_or_init(|| candidates().into_iter().find(|file| kills(file).is_some()));
    let Some(kills) = counter.as_ref().and_then(kills) else {
        return false;
    };
    SEEN.swap(kills, Ordering::Relaxed) < kills
}

/// Where the counter may be, best first.
fn candidates() -> Vec<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut candidates: Vec<PathBuf> = groups.lines().filter_map(of_control_group).collect();
    candidates.push("/proc/vmstat".into());
    candidates
}

/// From a line `NUMBER:CONTROLLERS:PATH`; the unified hierarchy names no controllers. In a container
/// that sees more of the path than of the files there is no such file.
fn of_control_group(line: &str) -> Option<PathBuf> {
    let (_, group) = line.split_once(':')?;
    let (controllers, path) = group.split_once(':')?;
    if controllers.is_empty() {
        Some(format!("/sys/fs/cgroup{path}/memory.events").into())
    } else if controllers.split(',').any(|name| name == "memory") {
        Some(format!("/sys/fs/cgroup/memory{path}/memory.oom_control").into())
    } else {
        None
    }
}

/// In one read: the system writes its counters anew for each, and a death waits for this.
fn kills(counter: &PathBuf) -> Option<u64> {
    let mut counters = vec![0; LARGEST];
    let length = File::open(counter).ok()?.read(&mut counters).ok()?;
    let counters = std::str::from_utf8(&counters[..length]).ok()?;
    let mut lines = counters.lines();
    lines
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_of_the_own_group_is_preferred() {
        let of = |line| of_control_group(line).map(|file| file.display().to_string());
        let unified = "/sys/fs/cgroup/a/b.service/memory.events";
        assert_eq!(of("0::/a/b.service").as_deref(), Some(unified));
        let old = "/sys/fs/cgroup/memory/a:b/memory.oom_control";
        assert_eq!(of("4:memory:/a:b").as_deref(), Some(old));
        assert_eq!(of("9:cpu,cpuacct:/"), None);
        assert_eq!(of("9:name=systemd:/"), None);
        assert_eq!(of("nonsense"), None);
    }

    #[test]
    fn the_machine_has_a_counter() {
        assert!(kills(&"/proc/vmstat".into()).is_some());
        assert_eq!(kills(&"/proc/self/status".into()), None);
        assert_eq!(kills(&"/nowhere".into()), None);
    }
}
