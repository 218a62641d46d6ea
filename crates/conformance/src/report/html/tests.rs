//! The page as browsers get it.

use std::time::Duration;

use super::*;
use crate::report::{Rules, Side, sample};

fn page() -> String {
    let results = sample::results();
    render(&Report {
        side: Side::Worker,
        program: "/opt/<b>/testee".as_ref(),
        name: "testee",
        rules: &Rules::default(),
        results: &results,
        took: Duration::from_millis(2_500),
    })
}

#[test]
fn words_of_the_program_are_text_and_nothing_else() {
    let page = page();
    for hostile in ["<script", "<b>/testee", "\x1b", "\u{202e}", "\0"] {
        assert!(!page.contains(hostile), "{hostile:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{1b}[2J"));
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page();
    for outside in ["src=", "http://", "https://", "url(", "@import", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn each_case_folds_and_what_failed_is_open() {
    let page = page();
    assert_eq!(page.matches("<details").count(), 4);
    assert_eq!(page.matches("<details open").count(), 1);
    for case in sample::cases() {
        assert!(
            page.contains(&format!("<div class=\"case\" id=\"{}\"", case.id)),
            "{}",
            case.id
        );
    }
    assert!(page.contains("0000  05 00 00 00 03 00 07"));
}

#[test]
fn each_requirement_has_a_cell_that_leads_to_what_is_known_of_it() {
    let page = page();
    for requirement in Requirement::all() {
        assert!(
            page.contains(&format!("title=\"{}, ", requirement.id)),
            "{}",
            requirement.id
        );
    }
    assert!(page.contains(&format!(
        "href=\"#pings/seq\" title=\"{}, broken: ",
        sample::BROKEN
    )));
    assert!(page.contains("href=\"#section-2.2\""));
    assert!(page.contains("id=\"section-2.2\""));
}
