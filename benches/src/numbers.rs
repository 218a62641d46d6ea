//! Medians, percentiles, and numbers as people read them.

use std::time::Duration;

use crate::reading::{Figure, Figures};

/// The value in the middle; the upper of two. `None` if there is none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The median and the 99th percentile, in microseconds; nothing of no times.
pub fn percentiles(mut times: Vec<Duration>) -> Figures {
    times.sort();
    let at = |share: f64| {
        let place = (times.len().saturating_sub(1) as f64 * share).round() as usize;
        times.get(place).copied().map(micros)
    };
    let named = [(Figure::P50, at(0.5)), (Figure::P99, at(0.99))];
    named
        .into_iter()
        .filter_map(|(figure, value)| Some((figure, value?)))
        .collect()
}

/// In microseconds.
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// In milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Three digits that count; thousands set apart.
///
/// ```
/// use greenroom_benches::numbers::readable;
/// assert_eq!(readable(0.000_32), "0.0003");
/// assert_eq!(readable(0.0213), "0.021");
/// assert_eq!(readable(3.316), "3.32");
/// assert_eq!(readable(48.04), "48.0");
/// assert_eq!(readable(123_456.7), "123,457");
/// ```
pub fn readable(value: f64) -> String {
    match value.abs() {
        size if size < 0.000_05 => "0".into(),
        size if size < 0.001 => format!("{value:.4}"),
        size if size < 0.1 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => with_thousands(value.round()),
    }
}

fn with_thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len() - place;
        if place > 0 && left.is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let times = (1..=101).rev().map(Duration::from_micros).collect();
        let figures = percentiles(times);
        assert_eq!(figures[&Figure::P50], 51.0);
        assert_eq!(figures[&Figure::P99], 100.0);
        assert!(percentiles(Vec::new()).is_empty());
    }

    #[test]
    fn negative_numbers_are_readable_too() {
        assert_eq!(readable(-1_234.0), "-1,234");
        assert_eq!(readable(-123.0), "-123");
    }
}
