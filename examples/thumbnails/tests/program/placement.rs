//! Which pictures are found, and where their thumbnails end up.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::run::{Place, files, shipped, text};

fn photo() -> PathBuf {
    shipped("photos/rocket.jpg")
}

fn thumbnails(place: &Place) -> Vec<String> {
    let out = place.path("thumbnails");
    let relative = |file: PathBuf| file.strip_prefix(&out).unwrap().to_string_lossy().into();
    files(&out).into_iter().map(relative).collect()
}

#[test]
fn a_picture_can_be_given_directly() {
    let place = Place::new();
    let ended = place.run(&[text(&photo())]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(thumbnails(&place), ["rocket.jpg"]);
}

#[test]
fn pictures_of_the_same_name_keep_apart() {
    let place = Place::new();
    for folder in ["a", "b", "a/below"] {
        place.folder(folder);
        place.copy(photo(), format!("{folder}/rocket.jpg"));
    }
    place.copy(shipped("photos/camera.png"), "b/ROCKET.PNG");
    let ended = place.run(&["a", "b", "a/rocket.jpg"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let expected = [
        "ROCKET.jpg",
        "below/rocket.jpg",
        "rocket-2.jpg",
        "rocket.jpg",
    ];
    assert_eq!(thumbnails(&place), expected);
}

#[test]
fn a_picture_is_never_replaced_by_its_thumbnail() {
    let place = Place::new();
    place.folder("thumbnails");
    place.copy(photo(), "thumbnails/rocket.jpg");
    let ended = place.run(&["thumbnails/rocket.jpg"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let picture = fs::read(place.path("thumbnails/rocket.jpg")).unwrap();
    assert_eq!(picture, fs::read(photo()).unwrap());
    assert_eq!(thumbnails(&place), ["rocket-2.jpg", "rocket.jpg"]);
}

#[test]
fn thumbnails_of_an_earlier_run_are_no_pictures() {
    let place = Place::new();
    place.copy(photo(), "rocket.jpg");
    for _ in 0..2 {
        let ended = place.run(&["."]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(thumbnails(&place), ["rocket.jpg"]);
    }
}

#[test]
fn links_are_followed_once() {
    let place = Place::new();
    let folder = place.folder("pictures");
    place.copy(photo(), "pictures/rocket.jpg");
    symlink(&folder, folder.join("loop")).unwrap();
    symlink("rocket.jpg", folder.join("same.jpg")).unwrap();
    symlink(photo(), folder.join("z-elsewhere.jpg")).unwrap();
    let ended = place.run(&["pictures"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.said().contains("pictures/loop was left out"),
        "{}",
        ended.said()
    );
    assert_eq!(thumbnails(&place).len(), 2);
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_goes_on() {
    let place = Place::new();
    let folder = place.folder("pictures");
    place.copy(photo(), "pictures/rocket.jpg");
    symlink("nowhere", folder.join("lost.jpg")).unwrap();
    let ended = place.run(&["pictures"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let warning = "warning: pictures/lost.jpg cannot be read: No such file";
    assert!(ended.said().contains(warning), "{}", ended.said());
    assert_eq!(thumbnails(&place), ["rocket.jpg"]);
}

#[test]
fn a_name_may_be_anything() {
    let place = Place::new();
    let folder = place.folder("pictures");
    let name = OsStr::from_bytes(b"caf\xe9 \x1b[2J\n.jpg");
    fs::copy(photo(), folder.join(name)).unwrap();
    let ended = place.run(&["pictures"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.said().contains('\x1b'));
    assert!(place.path("thumbnails").join(name).exists());
}
