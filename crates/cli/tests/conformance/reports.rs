//! `--report`.

use std::fs;

use crate::program::{Ended, SILENT, catalogues, conformance, first_theme};

#[test]
fn all_formats_tell_of_the_same_run() {
    for (side, cases) in catalogues() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (theme, count) = first_theme(&cases);
        let arguments = format!(
            "{side} --only {theme} --report json --report text={} --report junit={} --report html={} {SILENT}",
            path("text").display(),
            path("junit").display(),
            path("html").display(),
        );
        let ended = Ended::of(conformance(&arguments)).expect(1);
        let read = |name: &str| fs::read_to_string(path(name)).unwrap();
        let json = ended.json();
        assert_eq!(json["side"], side);
        assert_eq!(json["cases"].as_array().unwrap().len(), count);
        let failed = json["counts"]["failed"].as_u64().unwrap();
        let (text, junit, html) = (read("text"), read("junit"), read("html"));
        assert!(text.contains(&format!("{failed} failed")), "{text}");
        assert!(junit.contains(&format!("tests=\"{count}\"")), "{junit}");
        assert!(junit.contains(&format!("failures=\"{failed}\"")), "{junit}");
        // One mistake is open once.
        assert_eq!(html.matches("<details open").count(), 1);
        // People still hear how it went.
        assert!(ended.stderr.contains("MUSTs for a "), "{}", ended.stderr);
        // Nothing else is left in the folder.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}

#[test]
fn a_file_beside_the_text_leaves_the_text_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.json");
    fs::write(&file, "what was there before").unwrap();
    let (theme, _) = first_theme(&catalogues()[0].1);
    let arguments = format!(
        "worker --only {theme} --report json={} {SILENT}",
        file.display()
    );
    let ended = Ended::of(conformance(&arguments)).expect(1);
    assert!(ended.stdout.contains("MUSTs for a "), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(json["format"], 1);
}
