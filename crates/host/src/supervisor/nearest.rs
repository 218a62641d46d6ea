//! The name that was most likely meant.

/// The name that is most like `wanted`, if any is: at most a third of it differs.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    names
        .map(|name| (distance(wanted, name), name))
        .filter(|(distance, _)| *distance <= wanted.chars().count().div_ceil(3))
        .min()
        .map(|(_, name)| name.to_owned())
}

/// How many characters must be added, removed or replaced to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_single_changes() {
        let pairs = [
            ("api", "api", 0),
            ("api", "apis", 1),
            ("api", "app", 1),
            ("kitten", "sitting", 3),
            ("", "abc", 3),
        ];
        for (one, other, changes) in pairs {
            assert_eq!(distance(one, other), changes, "{one} {other}");
            assert_eq!(distance(other, one), changes, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_name_is_given_if_it_is_near() {
        let nearest = |wanted| nearest(wanted, ["api", "worker", "web"].into_iter());
        assert_eq!(nearest("wroker").as_deref(), Some("worker"));
        assert_eq!(nearest("workers").as_deref(), Some("worker"));
        assert_eq!(nearest("database"), None);
    }
}
