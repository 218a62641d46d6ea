//! Made-up results for the tests of the formats.

use std::time::Duration;

use crate::case::{Case, CaseResult, Finding, Verdict};
use crate::transcript::{Piece, Transcript, What};

pub(super) const BROKEN: &str = "GR-2.2-1";
pub(super) const OPEN: &str = "GR-2.3-1";
pub(super) const SHOWN: &str = "GR-1.2-1";
/// A SHOULD.
pub(super) const LIBERTY: &str = "GR-1.2-5";
pub(super) const SKIPPED: &str = "GR-3.1-1";

/// What a program may say to do harm.
pub(super) const HOSTILE: &str = "</pre><script>alert(1)</script>\x1b[2J\u{202e}]]>&\0";

pub(super) fn cases() -> Vec<Case> {
    let case = |id, requirements| Case {
        id,
        requirements,
        sends: "starts the worker & sends <Ping> with seq 7",
        expects: "a `Pong` with the same seq",
    };
    vec![
        case("pings/seq", &[BROKEN, OPEN]),
        case("shutdown/idle", &[LIBERTY]),
        case("jobs/finish", &[SHOWN]),
        case("output/window", &[SKIPPED]),
    ]
}

/// A failure, something non-strict, a pass and something skipped, in the order of the cases.
pub(super) fn results() -> Vec<CaseResult> {
    let finding = Finding::new(BROKEN, "a Pong with seq 7", format!("one with {HOSTILE}"));
    let verdicts = [
        (Verdict::Fail(finding.clone()), Verdict::Pass),
        (
            Verdict::Pass,
            Verdict::NonStrict(Finding {
                requirement: LIBERTY,
                ..finding
            }),
        ),
        (Verdict::Pass, Verdict::Pass),
        (
            Verdict::Skip(format!("it offers no conformance.produce {HOSTILE}")),
            Verdict::Pass,
        ),
    ];
    let results = cases().into_iter().zip(verdicts);
    results
        .map(|(case, (behaviour, closing))| CaseResult {
            case,
            behaviour,
            closing,
            transcript: transcript(),
            took: Duration::from_millis(1_234),
        })
        .collect()
}

fn transcript() -> Transcript {
    let mut transcript = Transcript::default();
    let frame = [5, 0, 0, 0, 3, 0, 7];
    transcript.add(What::Sent(Piece::new("Ping seq 7", &frame)));
    transcript.add(What::Received(Piece::new(HOSTILE, HOSTILE.as_bytes())));
    transcript.add(What::Line(HOSTILE.repeat(100)));
    transcript.add(What::Note("the connection was closed".into()));
    transcript
}
