//! Workers in other languages, written from `proto-spec/` alone: each passes the whole kit, does a
//! real job under `greenroom map`, and passes its own tests. Where an interpreter is missing, its
//! tests say so and pass.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The interpreter itself, not a script that looks for it at each start; `None`, with a word, if
/// there is none that is recent enough.
fn interpreter(name: &str, itself: &[&str]) -> Option<OsString> {
    let asked = Command::new(name).args(itself).output();
    match asked {
        Ok(output) if output.status.success() => {
            let path = String::from_utf8(output.stdout).unwrap();
            Some(path.trim().into())
        }
        _ => {
            println!("{name} is not here, or too old: its worker is not tested");
            None
        }
    }
}

fn python() -> Option<OsString> {
    let itself = "import sys; assert sys.version_info >= (3, 11); print(sys.executable)";
    interpreter("python3", &["-c", itself])
}

fn node() -> Option<OsString> {
    let itself = "const [major, minor] = process.versions.node.split('.').map(Number);\
                  if (major < 20 || (major === 20 && minor < 3)) process.exit(1);\
                  console.log(process.execPath)";
    interpreter("node", &["-e", itself])
}

/// Runs `greenroom` in the project's folder.
fn greenroom(arguments: &[&str], program: &[OsString], more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .current_dir(root())
        .args(arguments)
        .args(program)
        .args(more)
        .output()
        .unwrap()
}

/// The whole kit, with nothing left out and nothing done otherwise than it should be.
fn passes_the_whole_kit(program: &[OsString]) {
    let kit = ["conformance", "worker", "--strict", "--report", "json"];
    let output = greenroom(&kit, program, &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = report["cases"].as_array().unwrap();
    let others: Vec<_> = cases
        .iter()
        .filter(|case| case["outcome"] != "passed")
        .map(|case| format!("{} {} {}", case["id"], case["behaviour"], case["closing"]))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(output.status.code(), Some(0));
    assert!(cases.len() > 200, "{} cases", cases.len());
}

/// The results of `greenroom map`, in the order of its inputs.
fn map(worker: &str, inputs: &[&str]) -> Vec<Value> {
    let arguments = ["map", "--quiet", "--keep-order", "--worker", worker];
    let output = greenroom(&arguments, &[], inputs);
    let results = String::from_utf8(output.stdout).unwrap();
    let results = results
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let results: Vec<Value> = results.collect();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(results.len(), inputs.len(), "{said}");
    results
}

/// Runs a package's own tests in its folder.
fn own_tests(interpreter: &OsString, folder: &str, arguments: &[&str]) {
    let output = Command::new(interpreter)
        .current_dir(root().join(folder))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
}

// ---- Python

#[test]
fn python_passes_the_whole_kit() {
    if let Some(python) = python() {
        let worker = "examples/worker-python/conformance_worker.py".into();
        passes_the_whole_kit(&[python, worker]);
    }
}

#[test]
fn python_tells_what_is_in_real_tables() {
    if python().is_none() {
        return;
    }
    let data = "examples/worker-python/data";
    let files = ["co2.csv", "elnino.csv", "broken/ragged.csv", "none.csv"];
    let paths = files.map(|file| format!("{data}/{file}"));
    let results = map(
        "examples/worker-python/csv_stats.py",
        &paths.each_ref().map(String::as_str),
    );
    let output = |result: &Value| -> Value {
        assert_eq!(result["ok"], true, "{result}");
        serde_json::from_str(result["output"].as_str().unwrap()).unwrap()
    };
    let co2 = output(&results[0]);
    assert_eq!(co2["rows"], 2284);
    assert_eq!(co2["columns"]["co2"]["missing"], 59);
    assert_eq!(co2["columns"]["co2"]["max"], 373.9);
    let elnino = output(&results[1]);
    assert_eq!(elnino["columns"]["YEAR"]["mean"], 1980.0);
    for (result, why) in [(&results[2], "line 7"), (&results[3], "No such file")] {
        assert_eq!(result["error"]["kind"], "invalid_input", "{result}");
        let message = result["error"]["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn python_passes_its_own_tests() {
    if let Some(python) = python() {
        let tests = ["-m", "unittest", "discover", "-s", "tests"];
        own_tests(&python, "examples/worker-python", &tests);
    }
}

// ---- Node

#[test]
fn node_passes_the_whole_kit() {
    if let Some(node) = node() {
        let worker = "examples/worker-node/conformance-worker.mjs".into();
        passes_the_whole_kit(&[node, worker]);
    }
}

#[test]
fn node_renders_the_texts_of_this_project() {
    if node().is_none() {
        return;
    }
    let worker = "examples/worker-node/render-markdown.mjs";
    let inputs = ["README.md", "proto-spec/README.md", "none.md"];
    let results = map(worker, &inputs);
    for (result, begins, heading) in [
        (
            &results[0],
            "Greenroom keeps worker processes",
            "<h1>Greenroom</h1>",
        ),
        (
            &results[1],
            "precise enough to write a worker",
            "<h2>3 Bodies</h2>",
        ),
    ] {
        let page = result["output"]
            .as_str()
            .unwrap_or_else(|| panic!("{result}"));
        assert!(page.contains(begins) && page.contains(heading), "{page}");
    }
    assert_eq!(
        results[2]["error"]["kind"], "invalid_input",
        "{}",
        results[2]
    );
}

#[test]
fn node_passes_its_own_tests() {
    if let Some(node) = node() {
        own_tests(&node, "examples/worker-node", &["--test"]);
    }
}
