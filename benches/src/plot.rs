//! Bars in an SVG file.

use std::error::Error;

use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::numbers::readable;
use crate::reading::{Figure, Part};
use crate::result::Row;

/// A picture of one figure of all rows that have it.
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    /// Its file's name, without `.svg`.
    pub file: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The figure.
    pub figure: Figure,
}

struct Bar {
    label: String,
    part: Part,
    value: f64,
    /// Its place from the top, in bars.
    place: f64,
}

const WIDTH: u32 = 960;
const BAR: u32 = 20;
const HEAD: u32 = 74;
const FOOT: u32 = 52;
const LABELS: u32 = 330;
/// Room for the last bar's number.
const NUMBERS: u32 = 90;
/// From this ratio of the longest to the shortest bar on, lengths are logarithms.
const DECADES: f64 = 30.0;
const FONT: &str = "sans-serif";
const PARTS: [(Part, &str, RGBColor); 5] = [
    (Part::Greenroom, "Greenroom", RGBColor(27, 120, 74)),
    (Part::Raw, "raw baseline", RGBColor(120, 120, 120)),
    (Part::Between, "for comparison", RGBColor(140, 170, 205)),
    (
        Part::ProcessPeer,
        "others, with processes",
        RGBColor(214, 130, 40),
    ),
    (
        Part::ThreadPeer,
        "others, with threads",
        RGBColor(140, 90, 170),
    ),
];

/// The plot; `None` if no row has the figure.
pub fn svg(plot: &Plot, rows: &[Row]) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
    let bars = bars(plot.figure, rows);
    let Some(last) = bars.last() else {
        return Ok(None);
    };
    let height = HEAD + FOOT + ((last.place + 1.5) * f64::from(BAR)) as u32;
    let largest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
    let smallest = bars.iter().map(|bar| bar.value).fold(f64::MAX, f64::min);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        head(&root, plot.title, &bars)
            .and_then(|()| {
                if smallest > 0.0 && largest / smallest > DECADES {
                    let floor = 10_f64.powf(smallest.log10().floor());
                    let words = format!("{} (logarithmic)", plot.figure.axis());
                    chart(
                        &root,
                        &bars,
                        floor,
                        &words,
                        (floor..largest * 1.2).log_scale(),
                    )
                } else {
                    // Nothing but zeros still needs an axis.
                    let end = if largest > 0.0 { largest * 1.05 } else { 1.0 };
                    chart(&root, &bars, 0.0, plot.figure.axis(), 0.0..end)
                }
            })
            .and_then(|()| root.present())
            .map_err(|error| error.to_string())?;
    }
    Ok(Some(text))
}

/// From top to bottom, with half a bar between rows.
fn bars(figure: Figure, rows: &[Row]) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut place = 0.5;
    for row in rows {
        let before = bars.len();
        for contender in &row.contenders {
            if let Some(value) = contender.value(figure) {
                let label = format!("{} - {}", row.title, contender.who);
                bars.push(Bar {
                    label,
                    part: contender.part,
                    value,
                    place,
                });
                place += 1.0;
            }
        }
        if bars.len() > before {
            place += 0.5;
        }
    }
    bars
}

type Root<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// The title and the parts that occur.
fn head<'a>(root: &Root<'a>, title: &str, bars: &[Bar]) -> Drawn<'a> {
    root.fill(&WHITE)?;
    root.draw(&Text::new(title, (16, 12), (FONT, 20)))?;
    let style = text(root, HPos::Left);
    let occurs = |part| bars.iter().any(|bar| bar.part == part);
    let mut x = 16;
    for (_, name, color) in PARTS.into_iter().filter(|(part, ..)| occurs(*part)) {
        root.draw(&Rectangle::new([(x, 44), (x + 14, 58)], color.filled()))?;
        root.draw(&Text::new(name, (x + 20, 51), style.clone()))?;
        x += 40 + 7 * name.len() as i32;
    }
    Ok(())
}

fn chart<'a, X>(root: &Root<'a>, bars: &[Bar], floor: f64, words: &str, axis: X) -> Drawn<'a>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let length = bars.last().map_or(0.0, |bar| bar.place) + 1.5;
    let mut chart = ChartBuilder::on(root)
        .margin_left(LABELS)
        .margin_right(NUMBERS)
        .margin_top(HEAD)
        .x_label_area_size(FOOT)
        .build_cartesian_2d(axis, length..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(RGBColor(240, 240, 240))
        .x_labels(8)
        .x_label_formatter(&|value| readable(*value))
        .x_desc(words)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .draw()?;
    let (right, left) = (text(root, HPos::Right), text(root, HPos::Left));
    for bar in bars {
        let (top, bottom) = (bar.place + 0.1, bar.place + 0.9);
        let corners = [(floor, top), (bar.value, bottom)];
        chart.draw_series([Rectangle::new(corners, color(bar.part).filled())])?;
        let (x, y) = chart.backend_coord(&(bar.value, bar.place + 0.5));
        root.draw(&Text::new(
            bar.label.clone(),
            (LABELS as i32 - 8, y),
            right.clone(),
        ))?;
        root.draw(&Text::new(readable(bar.value), (x + 6, y), left.clone()))?;
    }
    Ok(())
}

fn text<'a>(root: &Root<'_>, side: HPos) -> TextStyle<'a> {
    let style = (FONT, 13).into_font().into_text_style(root);
    style.pos(Pos::new(side, VPos::Center))
}

fn color(part: Part) -> RGBColor {
    let known = PARTS.into_iter().find(|(it, ..)| *it == part);
    known.map_or(BLACK, |(_, _, color)| color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::{Figures, Taken};

    const PLOT: Plot = Plot {
        file: "round-trip",
        title: "There and back",
        figure: Figure::P50,
    };

    fn row(raw: f64, ours: f64) -> Row {
        let mut row = Row::new("trip", "64 B", "raw");
        row.add(Taken::default().raw(Figures::from([(Figure::P50, raw)])));
        row.add(Taken::default().greenroom(Figures::from([(Figure::P50, ours)])));
        row
    }

    #[test]
    fn it_names_everybody_with_a_number_a_title_and_a_unit() {
        let svg = svg(&PLOT, &[row(3.3, 9.9)]).unwrap().unwrap();
        for words in [
            "There and back",
            "64 B - raw",
            "64 B - greenroom",
            "9.90",
            "microseconds",
        ] {
            assert!(svg.contains(words), "{words} is missing");
        }
    }

    #[test]
    fn decades_apart_and_zeros_can_be_drawn() {
        for values in [(0.1, 90_000.0), (0.0, 0.0), (0.0, 5.0), (0.3, 0.3)] {
            assert!(svg(&PLOT, &[row(values.0, values.1)]).unwrap().is_some());
        }
    }

    #[test]
    fn without_the_figure_there_is_no_plot() {
        let plot = Plot {
            figure: Figure::Wakes,
            ..PLOT
        };
        assert!(svg(&plot, &[row(1.0, 2.0)]).unwrap().is_none());
    }
}
