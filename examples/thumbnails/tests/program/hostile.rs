//! Hostile files fail alone, each with its own reason.

use std::path::Path;

use crate::run::{Place, files, shipped, text};

const REASONS: [(&str, &str); 6] = [
    ("abort.jpg", "killed by SIGABRT"),
    (
        "bomb.png",
        "is 40000x40000 pixels (1600 megapixels); the limit is 100",
    ),
    ("empty.jpg", "is empty"),
    ("hang.jpg", "stopped at its deadline of 4 s"),
    (
        "text.png",
        "is not a PNG image: it begins with \"This is plain te\"",
    ),
    (
        "truncated.jpg",
        "ends too early: the end-of-image marker is missing",
    ),
];

#[test]
fn every_good_picture_has_a_thumbnail_and_every_hostile_one_a_reason() {
    let place = Place::new();
    let (photos, hostile) = (shipped("photos"), shipped("hostile"));
    let ended = place.run(&[text(&photos), text(&hostile), "--deadline", "4"]);

    assert_eq!(ended.code, Some(1), "{ended:?}");
    let good = pictures(&photos);
    for (done, total) in [(good.len(), " ok      "), (REASONS.len(), " failed  ")] {
        let lines = ended.lines.iter().filter(|line| line.contains(total));
        assert_eq!(lines.count(), done, "{}", ended.said());
    }
    for (file, reason) in REASONS {
        let name = format!("hostile/{file}");
        for report in [&ended.said(), &ended.table] {
            let line = report.lines().find(|line| line.contains(&name)).unwrap();
            assert!(line.ends_with(reason), "{line}");
        }
    }

    let thumbnails = files(&place.path("thumbnails"));
    assert_eq!(thumbnails.len(), good.len());
    for picture in good {
        let stem = picture.file_stem().unwrap();
        let thumbnail = place.path("thumbnails").join(stem).with_extension("jpg");
        assert_is_thumbnail(&thumbnail, &picture, 256);
    }
}

#[test]
fn good_pictures_alone_are_a_success() {
    let place = Place::new();
    let ended = place.run(&[text(&shipped("photos")), "--size", "64", "--workers", "2"]);

    assert_eq!(ended.code, Some(0), "{ended:?}");
    for label in [
        "ok",
        "failed",
        "launch latency  p50 ",
        "workers used    2",
        "peak memory",
        "total time",
    ] {
        assert!(
            ended.table.contains(label),
            "{label} is missing:\n{}",
            ended.table
        );
    }
    let colours = ended.table.contains('\x1b') || ended.said().contains('\x1b');
    assert!(!colours, "there is no terminal");
    let photo = shipped("photos/retina.jpg");
    assert_is_thumbnail(&place.path("thumbnails/retina.jpg"), &photo, 64);
}

fn pictures(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = files(folder);
    files.retain(|file| file.extension().is_some_and(|extension| extension != "md"));
    files
}

/// It can be decoded, its longer side is `size`, and its shape is the picture's.
fn assert_is_thumbnail(thumbnail: &Path, picture: &Path, size: u32) {
    let decoded = image::open(thumbnail).unwrap();
    let (width, height) = image::image_dimensions(picture).unwrap();
    let longer = f64::from(width.max(height));
    let expected = |side: u32| (f64::from(side) * f64::from(size) / longer).round();
    assert_eq!(
        (f64::from(decoded.width()), f64::from(decoded.height())),
        (expected(width), expected(height)),
        "{}",
        thumbnail.display()
    );
}
