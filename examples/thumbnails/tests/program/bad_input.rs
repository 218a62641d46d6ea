//! What cannot be used is refused before anything is started, with advice.

use std::fs;

use crate::run::{Ended, Place, shipped, text};

fn assert_refused(ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.table, "");
    for part in parts {
        assert!(
            ended.said().contains(part),
            "no \"{part}\" in: {}",
            ended.said()
        );
    }
}

#[test]
fn no_folder() {
    assert_refused(&Place::new().run(&[]), &["<FOLDER OR PICTURE>", "Usage:"]);
}

#[test]
fn a_folder_that_is_not_there() {
    let place = Place::new();
    let ended = place.run(&["nowhere"]);
    assert_refused(
        &ended,
        &["nowhere cannot be used: No such file", "that exist"],
    );
    assert!(!place.path("thumbnails").exists());
}

#[test]
fn a_folder_without_pictures() {
    let place = Place::new();
    fs::write(place.folder("texts").join("a.txt"), "a text").unwrap();
    assert_refused(
        &place.run(&["texts"]),
        &["no pictures (.jpg, .jpeg, .png) in texts"],
    );
}

#[test]
fn something_that_is_neither_folder_nor_file() {
    assert_refused(
        &Place::new().run(&["/dev/null"]),
        &["neither a folder nor a file"],
    );
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    let photos = shipped("photos");
    for out in ["file", "file/below", "/proc/thumbnails"] {
        let ended = place.run(&[text(&photos), "--out", out]);
        assert_refused(
            &ended,
            &[&format!("nothing can be written to {out}: "), "--out"],
        );
    }
}

#[test]
fn an_output_folder_that_is_an_input() {
    let place = Place::new();
    place.folder("pictures");
    place.copy(shipped("photos/rocket.jpg"), "pictures/rocket.jpg");
    let before = fs::read(place.path("pictures/rocket.jpg")).unwrap();
    let ended = place.run(&["pictures", "--out", "./pictures/../pictures"]);
    assert_refused(&ended, &["is one of the folders given"]);
    assert_eq!(fs::read(place.path("pictures/rocket.jpg")).unwrap(), before);
}

#[test]
fn options_out_of_range() {
    let place = Place::new();
    for (option, value) in [
        ("--size", "0"),
        ("--workers", "0"),
        ("--workers", "100000"),
        ("--deadline", "soon"),
        ("--deadline", "0"),
        ("--memory-limit", "1"),
    ] {
        let ended = place.run(&[".", option, value]);
        assert_refused(&ended, &[option, value]);
    }
}
