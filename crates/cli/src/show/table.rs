//! A table that fits its terminal.

use console::{Alignment, Style, measure_text_width, pad_str, truncate_str};

/// Cells with their styles; the last column takes what is left of the width.
pub(crate) struct TextTable<const N: usize> {
    heads: [&'static str; N],
    rows: Vec<[(String, Style); N]>,
}

/// Between columns.
const GAP: usize = 2;
/// What the last column is to have at least.
const ROOM: usize = 24;

impl<const N: usize> TextTable<N> {
    pub(crate) fn new(heads: [&'static str; N]) -> Self {
        let rows = Vec::new();
        Self { heads, rows }
    }

    pub(crate) fn row(&mut self, cells: [(String, Style); N]) {
        self.rows.push(cells);
    }

    /// One line for each row, none wider than `width`, if there is one. Where it is narrow, columns
    /// are left out in the order of `dispensable`, until the last one has some room.
    pub(crate) fn lines(&self, width: Option<usize>, dispensable: &[usize]) -> Vec<String> {
        let mut widths = self.heads.map(str::len);
        for row in &self.rows {
            for (width, (cell, _)) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        let mut shown = [true; N];
        for column in dispensable {
            let fixed: usize = (0..N - 1)
                .filter(|at| shown[*at])
                .map(|at| widths[at] + GAP)
                .sum();
            if width.is_some_and(|width| fixed + ROOM > width) {
                shown[*column] = false;
            }
        }
        let dim = Style::new().dim();
        let heads = self.heads.map(|head| (head.to_owned(), dim.clone()));
        std::iter::once(&heads)
            .chain(&self.rows)
            .map(|row| line(row, &widths, &shown, width))
            .collect()
    }
}

fn line<const N: usize>(
    row: &[(String, Style); N],
    widths: &[usize; N],
    shown: &[bool; N],
    limit: Option<usize>,
) -> String {
    let mut line = String::new();
    let mut used = 0;
    for (at, ((cell, style), width)) in row.iter().zip(widths).enumerate() {
        if !shown[at] {
            continue;
        }
        let left = limit.map_or(usize::MAX, |limit| limit.saturating_sub(used));
        if left == 0 {
            break;
        }
        let mut cell = truncate_str(cell, left, "…");
        if at + 1 < N {
            cell = pad_str(&cell, (*width).min(left), Alignment::Left, None)
                .into_owned()
                .into();
        }
        line += &style.apply_to(&cell).to_string();
        used += measure_text_width(&cell);
        if at + 1 < N && limit.is_none_or(|limit| used + GAP < limit) {
            line += &" ".repeat(GAP);
            used += GAP;
        }
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TextTable<2> {
        console::set_colors_enabled(false);
        let mut table = TextTable::new(["NAME", "WHY"]);
        let plain = |text: &str| (text.to_owned(), Style::new());
        table.row([plain("a"), plain("it was stopped by hand")]);
        table.row([plain("long-name"), plain("ok")]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        assert_eq!(
            table().lines(None, &[]),
            [
                "NAME       WHY",
                "a          it was stopped by hand",
                "long-name  ok"
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_shows_less() {
        let mut table = TextTable::new(["NAME", "KIND", "WHY"]);
        let plain = |text: &str| (text.to_owned(), Style::new());
        table.row([plain("a"), plain("daemon"), plain("it was stopped by hand")]);
        let lines = |width| table.lines(Some(width), &[1]);
        assert_eq!(lines(80)[1], "a     daemon  it was stopped by hand");
        assert_eq!(lines(30)[1], "a     it was stopped by hand");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..40 {
            for line in table().lines(Some(width), &[]) {
                assert!(measure_text_width(&line) <= width, "{width}: {line:?}");
            }
        }
    }
}
