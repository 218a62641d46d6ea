//! The worker's part: a picture's path comes in, a thumbnail as JPEG goes out.

use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage,
};
use worker::{Failure, JobContext};

use crate::jpeg;

/// The metadata of a job: the longer side of the thumbnail in pixels.
pub(crate) const SIZE: &str = "size";
/// The metadata of a job: the most bytes that an unpacked picture may have.
pub(crate) const UNPACKED: &str = "unpacked";

/// More is refused by the picture's header. Cameras make up to about 100.
const MAX_MEGAPIXELS: u64 = 100;
/// More is refused by the file's length, in bytes.
const MAX_FILE: u64 = 256 << 20;
/// Good enough not to be noticed in a small picture.
const QUALITY: u8 = 85;

/// Files that begin so are no pictures but faults to inject; see `hostile/README.md`.
const FAULT: &[u8] = b"GREENROOM-FAULT ";

/// Why a picture has no thumbnail. Read after the picture's name: `a.jpg: is empty`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("is empty")]
    Empty,
    #[error("has more than {} MiB; that is the limit", MAX_FILE >> 20)]
    LongFile,
    #[error("is not a {expected} image: it begins with \"{}\"", .start.escape_ascii())]
    NotAPicture {
        expected: &'static str,
        start: Vec<u8>,
    },
    #[error(
        "is {width}x{height} pixels ({} megapixels); the limit is {MAX_MEGAPIXELS}",
        megapixels(*.width, *.height)
    )]
    Huge { width: u32, height: u32 },
    #[error(
        "has {} MiB when unpacked; the limit is {}: raise --memory-limit",
        .bytes >> 20,
        .limit >> 20
    )]
    Large { bytes: u64, limit: u64 },
    #[error("ends too early: the end-of-image marker is missing")]
    Truncated,
    #[error("is damaged: {0}")]
    Damaged(String),
}

/// The decoder's own words are the innermost; around them it says the same again.
impl From<ImageError> for Unusable {
    fn from(error: ImageError) -> Self {
        let mut innermost: &dyn Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self::Damaged(innermost.to_string().trim().to_owned())
    }
}

/// The handler of the worker's jobs.
pub(crate) fn job(job: &JobContext) -> worker::Result<Vec<u8>> {
    let path = Path::new(OsStr::from_bytes(job.input()));
    let (size, max_unpacked) = (number(job, SIZE)?, number(job, UNPACKED)?);
    let file = read(path)?;
    inject_fault(&file);
    let picture = unpack(&file, path, max_unpacked)?;
    Ok(pack(&thumbnail(picture, size))?)
}

fn number<N: std::str::FromStr>(job: &JobContext, key: &str) -> worker::Result<N> {
    let text = job.metadata(key).unwrap_or_default();
    let wrong = |_| Failure::invalid_input(format!("{key} is \"{text}\": expected a number"));
    text.parse().map_err(wrong)
}

fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    let mut bytes = Vec::new();
    // A file may grow while it is read.
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        0 => Err(Unusable::Empty),
        length if length > MAX_FILE => Err(Unusable::LongFile),
        _ => Ok(bytes),
    }
}

fn inject_fault(file: &[u8]) {
    match file.strip_prefix(FAULT).map(<[u8]>::trim_ascii) {
        Some(b"abort") => std::process::abort(),
        Some(b"hang") => loop {
            std::hint::spin_loop();
        },
        _ => {}
    }
}

/// Everything that the header tells is judged before memory is taken for the pixels.
fn unpack(file: &[u8], path: &Path, max_unpacked: u64) -> Result<Upright, Unusable> {
    let format = format(file, path)?;
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_unpacked);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;

    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_MEGAPIXELS * 1_000_000 {
        return Err(Unusable::Huge { width, height });
    }
    let bytes = decoder.total_bytes();
    if bytes > max_unpacked {
        let limit = max_unpacked;
        return Err(Unusable::Large { bytes, limit });
    }
    if format == ImageFormat::Jpeg && !jpeg::reaches_its_end(file) {
        return Err(Unusable::Truncated);
    }
    let orientation = decoder.orientation()?;
    let pixels = DynamicImage::from_decoder(decoder)?;
    Ok(Upright {
        pixels,
        orientation,
    })
}

/// What it is by its first bytes; the name only says what was expected.
fn format(file: &[u8], path: &Path) -> Result<ImageFormat, Unusable> {
    match image::guess_format(file) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => Ok(format),
        _ => Err(Unusable::NotAPicture {
            expected: match ImageFormat::from_path(path) {
                Ok(ImageFormat::Jpeg) => "JPEG",
                Ok(ImageFormat::Png) => "PNG",
                _ => "JPEG or PNG",
            },
            start: file[..file.len().min(16)].to_vec(),
        }),
    }
}

/// Pixels as they are stored, and how the camera was held.
struct Upright {
    pixels: DynamicImage,
    orientation: image::metadata::Orientation,
}

fn thumbnail(picture: Upright, size: u32) -> RgbImage {
    let mut small = shrink(picture.pixels, size);
    // The frame is square, so the few pixels that are left can be turned as well as all of them.
    small.apply_orientation(picture.orientation);
    on_white(small)
}

/// Into a square of `size`; what fits already stays as it is.
fn shrink(picture: DynamicImage, size: u32) -> DynamicImage {
    let longer = picture.width().max(picture.height());
    if longer <= size {
        return picture;
    }
    let (width, height) = (
        scaled(picture.width(), size, longer),
        scaled(picture.height(), size, longer),
    );
    // Averaging boxes is quick, but crude near the final size: the good filter does the last half.
    let picture = if longer > size * 4 {
        picture.thumbnail_exact(width * 2, height * 2)
    } else {
        picture
    };
    picture.resize_exact(width, height, FilterType::Lanczos3)
}

/// `side * to / from`, rounded, and never nothing.
fn scaled(side: u32, to: u32, from: u32) -> u32 {
    let [side, to, from] = [side, to, from].map(f64::from);
    (side * to / from).round().max(1.0) as u32
}

/// JPEG has no transparency.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        Rgb([r, g, b].map(|colour| ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

fn pack(thumbnail: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(thumbnail)?;
    Ok(jpeg)
}

fn megapixels(width: u32, height: u32) -> u64 {
    (u64::from(width) * u64::from(height)).div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use image::metadata::Orientation;
    use image::{ImageEncoder, Rgba, RgbaImage};

    use super::*;

    const PLENTY: u64 = 64 << 20;

    fn file(name: &str) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read(folder.join(name)).unwrap()
    }

    fn refusal(file: &[u8], name: &str) -> String {
        match unpack(file, Path::new(name), PLENTY) {
            Ok(_) => "accepted".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_picture_is_known_by_what_it_is_and_not_by_its_name() {
        assert!(unpack(&file("photos/astronaut.png"), Path::new("a.jpg"), PLENTY).is_ok());
        let text = refusal(b"\x1b[2Jtext", "a.jpeg");
        assert_eq!(text, r#"is not a JPEG image: it begins with "\x1b[2Jtext""#);
    }

    #[test]
    fn a_part_of_a_picture_is_refused() {
        for (name, expected) in [
            (
                "photos/china.jpg",
                "ends too early: the end-of-image marker is missing",
            ),
            ("photos/coffee.png", "is damaged: unexpected end of file"),
        ] {
            let whole = file(name);
            for length in [whole.len() / 3, whole.len() * 9 / 10] {
                assert_eq!(
                    refusal(&whole[..length], name),
                    expected,
                    "{name}, {length} bytes"
                );
            }
        }
    }

    #[test]
    fn a_picture_that_needs_too_much_memory_is_refused() {
        let picture = file("photos/china.jpg");
        let Err(error) = unpack(&picture, Path::new("china.jpg"), 1 << 19) else {
            panic!("it was accepted");
        };
        assert!(
            matches!(
                error,
                Unusable::Large {
                    limit: 0x8_0000,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_thumbnail_fits_its_frame_and_a_small_picture_is_not_blown_up() {
        for (from, to) in [
            ((3000, 40), (256, 3)),
            ((40, 600), (17, 256)),
            ((20, 10), (20, 10)),
        ] {
            let picture = Upright {
                pixels: DynamicImage::new_rgb8(from.0, from.1),
                orientation: Orientation::NoTransforms,
            };
            assert_eq!(thumbnail(picture, 256).dimensions(), to);
        }
    }

    #[test]
    fn a_picture_is_turned_as_the_camera_was_held() {
        // An Exif block that says nothing but: turn me by 90 degrees.
        let exif = [
            &b"MM\0*\0\0\0\x08"[..],
            &[0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new(&mut jpeg);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.encode_image(&RgbImage::new(400, 300)).unwrap();

        let picture = unpack(&jpeg, Path::new("a.jpg"), PLENTY).unwrap();
        assert_eq!(thumbnail(picture, 100).dimensions(), (75, 100));
    }

    #[test]
    fn what_is_transparent_becomes_white() {
        let clear = RgbaImage::from_pixel(1, 1, Rgba([255, 0, 0, 0]));
        let half = RgbaImage::from_pixel(1, 1, Rgba([255, 0, 0, 128]));
        assert_eq!(on_white(clear.into()).get_pixel(0, 0).0, [255, 255, 255]);
        assert_eq!(on_white(half.into()).get_pixel(0, 0).0, [255, 127, 127]);
    }
}
