//! The files that were written, and whether a player would open them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file, and how many seconds it plays; `None` if it does not.
#[derive(Debug)]
pub(crate) struct Segment {
    path: PathBuf,
    bytes: u64,
    seconds: Option<f64>,
}

/// Fails with the name of the program that is missing.
pub(crate) fn installed() -> Result<(), &'static str> {
    let runs = |program: &str| {
        let mut command = Command::new(program);
        let command = command.arg("-version").stdout(Stdio::null());
        command.stderr(Stdio::null()).status().is_ok()
    };
    match ["ffmpeg", "ffprobe"].iter().find(|program| !runs(program)) {
        Some(missing) => Err(missing),
        None => Ok(()),
    }
}

/// All segments in `out`, in the order in which they were written.
pub(crate) fn read(out: &Path) -> Vec<Segment> {
    let Ok(entries) = std::fs::read_dir(out) else {
        return Vec::new();
    };
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|end| end == "mp4");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_segment)
        .collect();
    paths.sort();
    let segment = |path: PathBuf| Segment {
        bytes: path.metadata().map_or(0, |about| about.len()),
        seconds: seconds(&path),
        path,
    };
    paths.into_iter().map(segment).collect()
}

pub(crate) fn print(segments: &[Segment]) {
    println!("{} segments:", segments.len());
    for segment in segments {
        let name = segment.path.file_name().unwrap_or_default();
        let plays = match segment.seconds {
            Some(seconds) => format!("plays {seconds:.2} s"),
            None => "does not play: its encoder was killed".into(),
        };
        println!(
            "  {}  {:6} bytes  {plays}",
            name.to_string_lossy(),
            segment.bytes
        );
    }
}

fn seconds(file: &Path) -> Option<f64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "format=duration"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
