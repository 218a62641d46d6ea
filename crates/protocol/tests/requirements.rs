//! `proto-spec/README.md` can be cited: each requirement has one id, and what cites one finds it.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod vector_file;

use std::collections::BTreeSet;

use serde::Deserialize;
use vector_file::{load, proto_spec};

/// Id and sentence of each requirement.
fn requirements() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(proto_spec().join("README.md")).unwrap();
    text.split("\n- **GR-")
        .skip(1)
        .map(|item| {
            let (number, rest) = item.split_once("** ").unwrap();
            let end = ["\n- ", "\n\n"].map(|end| rest.find(end).unwrap_or(rest.len()));
            let sentence = rest[..end[0].min(end[1])].trim_end();
            (format!("GR-{number}"), sentence.replace("\n  ", " "))
        })
        .collect()
}

#[test]
fn each_id_stands_once_and_in_its_section() {
    let text = std::fs::read_to_string(proto_spec().join("README.md")).unwrap();
    let mut section = "";
    let mut last = 0;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            section = heading.split(' ').next().unwrap();
            last = 0;
        } else if let Some(heading) = line.strip_prefix("## ") {
            // The last section has one part only.
            section = if heading.starts_with("6 ") { "6.1" } else { "" };
            last = 0;
        } else if let Some(item) = line.strip_prefix("- **GR-") {
            last += 1;
            let expected = format!("{section}-{last}** ");
            assert!(item.starts_with(&expected), "{line}, expected {expected}");
        }
    }
}

#[test]
fn each_is_one_sentence_that_says_how_binding_it_is() {
    let requirements = requirements();
    assert!(requirements.len() > 70, "{}", requirements.len());
    for (id, sentence) in requirements {
        let binding = ["MUST", "SHOULD", "MAY"];
        assert!(binding.iter().any(|word| sentence.contains(word)), "{id}");
        assert_eq!(sentence.matches(". ").count(), 0, "{id}: {sentence}");
        assert!(sentence.ends_with('.'), "{id}: {sentence}");
    }
}

#[test]
fn what_the_vectors_cite_is_there() {
    let known: BTreeSet<_> = requirements().into_iter().map(|(id, _)| id).collect();
    let mut cited = BTreeSet::new();
    for file in [
        "frames.json",
        "primitives.json",
        "malformed.json",
        "large.json",
    ] {
        for entry in load(file) {
            cited.extend(entry["requirement"].as_str().map(str::to_owned));
        }
    }
    assert_eq!(cited.difference(&known).collect::<Vec<_>>(), [""; 0]);
    // Each error of the crate is met; `vectors.rs` shows that it cites the same requirement.
    let errors = [
        "GR-2.1-3", "GR-2.2-1", "GR-2.3-2", "GR-2.4-1", "GR-2.4-2", "GR-3.1-1", "GR-3.1-2",
        "GR-3.1-3",
    ];
    assert_eq!(cited.iter().map(String::as_str).collect::<Vec<_>>(), errors);
}

#[test]
fn the_table_of_messages_is_that_of_the_registry() {
    #[derive(Deserialize)]
    struct Registry {
        message: Vec<Message>,
    }
    #[derive(Deserialize)]
    struct Message {
        number: u16,
        name: String,
        direction: String,
        data: bool,
        fields: Vec<Field>,
    }
    #[derive(Deserialize)]
    struct Field {
        name: String,
    }

    let registry = std::fs::read_to_string(proto_spec().join("messages.toml")).unwrap();
    let registry: Registry = toml::from_str(&registry).unwrap();
    let rows = registry.message.iter().map(|message| {
        let fields: Vec<_> = message.fields.iter().map(|field| &*field.name).collect();
        format!(
            "| {} | {} | {} | {} | {} |",
            message.number,
            message.name,
            message.direction.replace("-to-", " → "),
            if fields.is_empty() {
                "none".into()
            } else {
                fields.join(", ")
            },
            if message.data { "yes" } else { "no" },
        )
    });

    let text = std::fs::read_to_string(proto_spec().join("README.md")).unwrap();
    let (_, table) = text.split_once("### 5.1").unwrap();
    let (table, _) = table.split_once("### 5.2").unwrap();
    let table = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    assert_eq!(table.collect::<Vec<_>>(), rows.collect::<Vec<_>>());
}

#[test]
fn the_edition_is_the_last_one_in_the_changelog() {
    let [text, changes] = ["README.md", "CHANGELOG.md"]
        .map(|file| std::fs::read_to_string(proto_spec().join(file)).unwrap());
    let (_, edition) = text.split_once("\nEdition ").unwrap();
    let (_, last) = changes.split_once("\n## ").unwrap();
    let edition = edition.lines().next().unwrap();
    assert_eq!(edition, format!("{}.", last.lines().next().unwrap()));
}

/// Whoever reads a citation in the text finds what it names.
#[test]
fn what_the_text_cites_is_there() {
    let text = std::fs::read_to_string(proto_spec().join("README.md")).unwrap();
    let known: BTreeSet<_> = requirements().into_iter().map(|(id, _)| id).collect();
    let cited = text.split("GR-").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')?;
        let id = rest[..end].trim_end_matches(['.', '-']);
        (!id.is_empty()).then(|| format!("GR-{id}"))
    });
    let unknown: Vec<_> = cited.filter(|id| !known.contains(id)).collect();
    assert_eq!(unknown, [""; 0]);

    let headings: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("### ").or(line.strip_prefix("## ")))
        .filter_map(|heading| heading.split(' ').next())
        .collect();
    let sections = text.split("section ").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
    });
    for section in sections.filter(|section| !section.is_empty()) {
        assert!(headings.contains(section), "there is no section {section}");
    }
}
