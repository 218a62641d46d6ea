//! JSON as programs read it back.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::report::{Rules, sample};

fn read_back() -> Value {
    let results = sample::results();
    let report = Report {
        side: Side::Worker,
        program: "/bin/testee".as_ref(),
        name: "testee",
        rules: &Rules::default(),
        results: &results,
        took: Duration::from_millis(2_500),
    };
    serde_json::from_str(&render(&report).unwrap()).unwrap()
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_run_is_described() {
    let run = read_back();
    assert_eq!(
        names(&run),
        [
            "cases",
            "counts",
            "format",
            "greenroom",
            "ok",
            "program",
            "requirements",
            "side",
            "strict",
            "took_us"
        ]
    );
    assert_eq!(run["format"], 1);
    assert_eq!(run["side"], "worker");
    assert_eq!(run["ok"], false);
    assert_eq!(run["took_us"], 2_500_000);
    assert_eq!(run["counts"]["failed"], 1);
    assert_eq!(run["requirements"]["broken"], 1);
}

#[test]
fn a_case_has_every_documented_field() {
    let run = read_back();
    let failed = &run["cases"][0];
    assert_eq!(
        names(failed),
        [
            "behaviour",
            "closing",
            "exchange",
            "expects",
            "id",
            "outcome",
            "requirements",
            "sends",
            "theme",
            "took_us"
        ]
    );
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["theme"], "pings");
    assert_eq!(failed["requirements"][0]["level"], "MUST");
    assert_eq!(failed["closing"], json!({"verdict": "pass"}));
    let behaviour = &failed["behaviour"];
    assert_eq!(
        names(behaviour),
        ["expected", "got", "requirement", "verdict"]
    );
    assert_eq!(behaviour["verdict"], "fail");
    assert_eq!(behaviour["got"], format!("one with {}", sample::HOSTILE));
    let skipped = &run["cases"][3];
    assert_eq!(skipped["outcome"], "skipped");
    assert_eq!(skipped["reason"], skipped["behaviour"]["reason"]);
}

#[test]
fn the_exchange_has_its_bytes() {
    let run = read_back();
    let exchange = &run["cases"][0]["exchange"];
    assert_eq!(names(exchange), ["entries", "left_out"]);
    let entries = exchange["entries"].as_array().unwrap();
    let kinds: Vec<&str> = entries
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["sent", "received", "line", "note"]);
    assert_eq!(
        names(&entries[0]),
        ["at_us", "hex", "kind", "length", "text"]
    );
    assert_eq!(entries[0]["hex"], "05000000030007");
    assert_eq!(entries[0]["length"], 7);
    assert_eq!(names(&entries[3]), ["at_us", "kind", "text"]);
}

#[test]
fn a_list_says_what_there_is() {
    let json = list(Side::Host, &sample::cases()).unwrap();
    let list: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(names(&list), ["cases", "format", "greenroom", "side"]);
    assert_eq!(
        names(&list["cases"][0]),
        ["expects", "id", "requirements", "sends", "theme"]
    );
}
