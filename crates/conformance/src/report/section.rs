//! The sections of the text: they put requirements and cases in order.

use std::collections::BTreeMap;

use crate::case::Case;
use crate::requirement::Requirement;

const TEXT: &str = include_str!("../../../../proto-spec/README.md");

/// One section that has requirements, for example 5.4 with the title Jobs.
pub(super) struct Section {
    pub(super) number: &'static str,
    pub(super) title: &'static str,
    /// In the order of their numbers.
    pub(super) requirements: Vec<&'static Requirement>,
}

/// All that have requirements, in order.
pub(super) fn all() -> Vec<Section> {
    let mut sections: BTreeMap<Vec<u32>, Section> = BTreeMap::new();
    for requirement in Requirement::all() {
        let number = of(requirement.id);
        let section = sections.entry(numbers(number)).or_insert_with(|| Section {
            number,
            title: title(number),
            requirements: Vec::new(),
        });
        section.requirements.push(requirement);
    }
    let mut sections: Vec<Section> = sections.into_values().collect();
    for section in &mut sections {
        section.requirements.sort_by_key(|found| numbers(found.id));
    }
    sections
}

/// The number of the section that a case is mainly about.
pub(super) fn of_case(case: &Case) -> &'static str {
    case.requirements.first().map_or("", |id| of(id))
}

/// `5.4` of `GR-5.4-2`.
fn of(id: &'static str) -> &'static str {
    let number = id.strip_prefix("GR-").unwrap_or(id);
    number
        .split_once('-')
        .map_or(number, |(section, _)| section)
}

/// So that 10 comes behind 9.
fn numbers(text: &str) -> Vec<u32> {
    let parts = text.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// A section without sections in it counts as its own first one.
fn title(number: &str) -> &'static str {
    let find = |number: &str| {
        let headings = TEXT.lines().filter_map(|line| {
            let heading = line.strip_prefix("## ").or(line.strip_prefix("### "))?;
            heading.split_once(' ')
        });
        let mut titles = headings.filter(|(found, _)| *found == number);
        titles.next().map(|(_, title)| title)
    };
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    find(number).or_else(|| find(whole)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_titles_and_their_requirements_in_order() {
        let sections = all();
        assert!(sections.is_sorted_by_key(|section| numbers(section.number)));
        for section in &sections {
            assert!(!section.title.is_empty(), "{}", section.number);
            let ids = section.requirements.iter().map(|found| numbers(found.id));
            assert!(ids.is_sorted(), "{}", section.number);
        }
        let all: usize = sections.iter().map(|it| it.requirements.len()).sum();
        assert_eq!(all, Requirement::all().count());
        assert_eq!(numbers("GR-5.4-12"), [5, 4, 12]);
    }
}
