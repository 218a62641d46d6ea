//! Faults of what a worker that is ready says and does.

use crate::Row;

pub(crate) const OF_ITS_MESSAGES: &[Row] = &[
    // ---- pings
    ("pongs-with-the-wrong-seq", "pings/answered", "GR-5.2-1"),
    ("pongs-twice", "pings/no-pong-unasked", "GR-5.2-1"),
    ("never-pongs", "pings/answered", "GR-5.2-3"),
    (
        "pongs-to-every-other",
        "pings/three-in-one-write",
        "GR-5.2-3",
    ),
    (
        "pongs-from-a-helper",
        "pings/while-a-handler-blocks",
        "GR-5.2-2",
    ),
    ("pongs-late", "pings/answered", "GR-5.2-3"),
    // ---- the shutdown
    (
        "shuts-down-unasked",
        "shutdown/acknowledged-only-when-asked",
        "GR-5.3-1",
    ),
    ("sends-no-shutting-down", "shutdown/idle", "GR-5.3-2"),
    (
        "acknowledges-late",
        "shutdown/host-gone-in-the-grace",
        "GR-5.3-2",
    ),
    ("miscounts-its-jobs", "shutdown/mid-job", "GR-5.3-2"),
    ("ignores-shutdown", "shutdown/idle", "GR-5.3-2"),
    ("outstays-its-grace", "shutdown/deaf-job", "GR-5.3-4"),
    ("drops-its-jobs-on-shutdown", "shutdown/mid-job", "GR-5.3-5"),
    ("sends-no-exiting", "shutdown/idle", "GR-5.3-6"),
    (
        "speaks-after-exiting",
        "shutdown/nothing-after-exiting",
        "GR-5.3-6",
    ),
    ("exits-with-one", "shutdown/idle", "GR-5.3-7"),
    // ---- jobs
    ("finishes-twice", "jobs/accepted-first", "GR-5.4-1"),
    ("never-finishes", "jobs/accepted-first", "GR-5.4-2"),
    ("finishes-an-unknown-job", "jobs/accepted-first", "GR-5.4-1"),
    ("accepts-an-unknown-job", "jobs/accepted-first", "GR-5.4-1"),
    (
        "sends-output-after-the-end",
        "jobs/accepted-first",
        "GR-5.4-1",
    ),
    (
        "accepts-after-output",
        "jobs/accepted-before-output",
        "GR-5.4-3",
    ),
    ("accepts-twice", "jobs/accepted-first", "GR-5.4-3"),
    (
        "begins-unannounced",
        "jobs/accepted-before-it-dies",
        "GR-5.4-4",
    ),
    ("never-accepts", "jobs/accepted-first", "GR-5.4-4"),
    (
        "rejects-what-has-run",
        "shutdown/mid-job",
        "GR-5.4-5 or GR-5.4-13",
    ),
    (
        "takes-a-number-twice",
        "jobs/number-in-use",
        "GR-5.4-3 or GR-1.3-4",
    ),
    ("drops-a-used-number", "jobs/number-used-before", "GR-5.4-2"),
    (
        "takes-more-jobs-than-slots",
        "jobs/more-than-slots",
        "GR-1.3-4",
    ),
    (
        "takes-input-after-the-last",
        "jobs/input-after-the-last",
        "GR-1.3-4",
    ),
    ("takes-too-much-input", "jobs/input-too-large", "GR-1.3-4"),
    ("refuses-late-messages", "jobs/late-messages", "GR-5.2-3"),
    (
        "answers-a-late-cancel",
        "jobs/cancel-after-the-end",
        "GR-5.4-1",
    ),
    ("ignores-cancel", "jobs/cancel-mid-job", "GR-5.4-11"),
    ("answers-a-cancel", "jobs/cancel-mid-job", "GR-5.4-3"),
    ("swaps-input", "jobs/input-in-pieces", "GR-5.4-8"),
    ("loses-the-last-input", "jobs/input-in-pieces", "GR-5.4-8"),
    (
        "sorts-metadata",
        "jobs/described",
        "GR-3.1-1 or section 9.1",
    ),
    (
        "merges-metadata",
        "jobs/described",
        "GR-3.1-1 or section 9.1",
    ),
    // ---- output
    ("exceeds-the-window", "output/window-used-up", "GR-5.5-1"),
    (
        "charges-small-output-by-its-bytes",
        "output/window-of-small-pieces",
        "GR-5.5-1",
    ),
    ("ignores-more-window", "output/window-in-crumbs", "GR-5.4-2"),
    // ---- calls
    ("repeats-call-numbers", "calls/numbers", "GR-5.6-1"),
    ("calls-number-zero", "calls/answered", "GR-5.6-1"),
    ("counts-calls-down", "calls/numbers", "GR-5.6-1"),
    (
        "takes-the-data-of-an-error",
        "calls/refused-with-data",
        "GR-5.6-3",
    ),
    (
        "takes-an-unknown-answer",
        "calls/answer-to-nothing",
        "GR-1.3-4",
    ),
    ("mixes-up-answers", "calls/in-reverse", "section 9.1"),
    // ---- deadlines, retiring, stacks
    ("extends-without-a-job", "deadlines/of-a-job", "GR-5.7-1"),
    (
        "extends-its-preparation-for-a-job",
        "deadlines/of-the-preparation",
        "GR-5.7-1",
    ),
    ("drops-a-crossed-job", "retire/crossed-by-jobs", "GR-5.4-2"),
    ("dumps-nothing", "stacks/answered", "GR-5.9-2"),
    ("dumps-twice", "stacks/answered", "GR-5.9-4"),
    (
        "dumps-when-free",
        "stacks/while-a-handler-blocks",
        "GR-5.9-2",
    ),
    ("dumps-without-bounds", "stacks/fit", "GR-2.2-1"),
    ("dumps-uninvited", "stacks/not-in-common", "GR-5.9-4"),
    ("skips-uninvited-dumps", "stacks/not-in-common", "GR-1.3-4"),
    // ---- logs and surroundings
    ("logs-plain-text", "logs/record", "GR-6.1-1"),
    ("logs-its-job", "logs/no-identity", "GR-6.1-4"),
    ("runs-by-hand", "environment/started-by-hand", "GR-1.2-6"),
    (
        "exits-with-two-by-hand",
        "environment/started-by-hand",
        "GR-1.2-6",
    ),
    (
        "speaks-on-standard-output",
        "environment/standard-input-is-the-socket",
        "GR-4.1-1",
    ),
    (
        "leaves-the-socket-at-standard-input",
        "environment/grandchild-does-not-hold-the-socket",
        "GR-1.2-5",
    ),
];
