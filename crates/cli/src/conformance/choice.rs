//! Which cases are to run: `--only`.

use std::collections::BTreeSet;

use greenroom_conformance::Case;

use super::problem::Problem;
use crate::nearest::nearest;

/// Those cases that are asked for by id, by theme or by the beginning of their id up to a slash; all
/// if nothing is asked for.
pub(super) fn chosen(asked: &[String], cases: &[Case]) -> Result<Vec<Case>, Problem> {
    if let Some(unknown) = asked
        .iter()
        .find(|asked| !cases.iter().any(|case| takes(asked, case)))
    {
        return Err(Problem::Usage(unknown_case(unknown, cases)));
    }
    let takes = |case: &&Case| asked.is_empty() || asked.iter().any(|asked| takes(asked, case));
    Ok(cases.iter().filter(takes).copied().collect())
}

fn takes(asked: &str, case: &Case) -> bool {
    match case.id.strip_prefix(asked) {
        Some("") => true,
        Some(rest) => asked.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

fn unknown_case(asked: &str, cases: &[Case]) -> String {
    let themes: BTreeSet<&str> = cases.iter().filter_map(|case| theme(case.id)).collect();
    let known = cases.iter().map(|case| case.id).chain(themes);
    let meant = meant(asked, known);
    format!("--only {asked:?}: there is no such case and no such theme{meant}")
}

fn theme(id: &str) -> Option<&str> {
    id.split_once('/').map(|(theme, _)| theme)
}

/// What was probably meant, or where to look.
pub(super) fn meant<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(written, known) {
        Some(nearest) => format!("; did you mean {nearest:?}?"),
        None => "; --list shows them all".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(asked: &[&str]) -> Result<Vec<&'static str>, String> {
        let case = |id| Case {
            id,
            requirements: &[],
            sends: "",
            expects: "",
        };
        let cases = ["jobs/one", "jobs/one-more", "pings/one"].map(case);
        let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
        match chosen(&asked, &cases) {
            Ok(chosen) => Ok(chosen.iter().map(|case| case.id).collect()),
            Err(problem) => Err(problem.to_string()),
        }
    }

    #[test]
    fn cases_are_chosen_by_id_and_by_theme() {
        let all = ["jobs/one", "jobs/one-more", "pings/one"];
        assert_eq!(ids(&[]).unwrap(), all);
        assert_eq!(ids(&["jobs/one"]).unwrap(), ["jobs/one"]);
        assert_eq!(ids(&["jobs/"]).unwrap(), ["jobs/one", "jobs/one-more"]);
        assert_eq!(ids(&["jobs"]).unwrap(), ["jobs/one", "jobs/one-more"]);
        assert_eq!(ids(&["pings", "jobs"]).unwrap(), all);
        assert_eq!(
            ids(&["pings/one", "jobs/one"]).unwrap(),
            ["jobs/one", "pings/one"]
        );
    }

    #[test]
    fn what_is_unknown_is_refused_with_what_was_meant() {
        for (asked, meant) in [
            ("jobs/onne", "did you mean \"jobs/one\"?"),
            ("ping", "did you mean \"pings\"?"),
            ("jobs/on", "did you mean \"jobs/one\"?"),
            ("entirely different", "--list shows them all"),
            ("", "--list shows them all"),
        ] {
            let error = ids(&["pings", asked]).unwrap_err();
            assert!(error.contains(meant), "{error}");
        }
    }
}
