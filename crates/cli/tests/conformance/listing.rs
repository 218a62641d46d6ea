//! `--list`: what there is, without a program.

use serde_json::Value;

use crate::program::{Ended, catalogues, conformance, first_theme};

#[test]
fn every_case_is_listed_with_its_requirements() {
    for (side, cases) in catalogues() {
        let list = Ended::of(conformance(&format!("{side} --list"))).expect(0);
        let mut lines = list.stdout.lines().filter(|line| !line.starts_with(' '));
        for case in &cases {
            let expected = format!("{}  {}", case.id, case.requirements.join(" "));
            assert_eq!(lines.next(), Some(expected.as_str()));
        }
        assert_eq!(lines.next(), None);
    }
}

#[test]
fn a_list_for_programs_is_json() {
    for (side, cases) in catalogues() {
        let command = conformance(&format!("{side} --list --report json"));
        let list = Ended::of(command).expect(0).json();
        assert_eq!(list["side"], side);
        let listed: Vec<&Value> = list["cases"].as_array().unwrap().iter().collect();
        assert_eq!(listed.len(), cases.len());
        for (listed, case) in listed.iter().zip(&cases) {
            assert_eq!(listed["id"], case.id);
            assert_eq!(listed["sends"], case.sends);
            assert_eq!(listed["requirements"][0]["id"], case.requirements[0]);
        }
    }
}

#[test]
fn a_theme_is_listed_by_itself() {
    for (side, cases) in catalogues() {
        let (theme, count) = first_theme(&cases);
        let command = conformance(&format!("{side} --list --report json --only {theme}/"));
        let list = Ended::of(command).expect(0).json();
        assert_eq!(list["cases"].as_array().unwrap().len(), count);
    }
}

#[test]
fn a_list_has_no_results_to_show() {
    let ended = Ended::of(conformance("worker --list --report junit")).expect(2);
    let expected = "error: --list cannot be shown as junit: text and json are possible";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}
