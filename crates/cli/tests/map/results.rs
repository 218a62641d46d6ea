//! What is written of each job, and the exit code.

use serde_json::json;

use crate::program::{Ended, Folder, Running, map};

#[test]
fn every_argument_is_a_job_and_all_successes_are_exit_code_0() {
    let ended = Ended::of(map("one two three")).expect(0);
    assert!(
        ended.stderr.contains("3 jobs succeeded, 0 failed"),
        "{}",
        ended.stderr
    );
    for (index, result) in ended.sorted().iter().enumerate() {
        let input = ["one", "two", "three"][index];
        assert_eq!(result["index"], index);
        assert_eq!(result["input"], input);
        assert_eq!(result["ok"], true);
        assert_eq!(result["output"], input.to_uppercase());
        assert!(result["worker"].is_string(), "{result}");
        assert!(result["queued_us"].is_u64(), "{result}");
        assert!(result["took_us"].is_u64(), "{result}");
        assert!(result.get("error").is_none(), "{result}");
    }
}

#[test]
fn each_way_to_fail_has_its_kind_and_is_exit_code_1() {
    let mut command = map("fail invalid panic crash fine --max-output 100");
    command.args(["exit 3", "big 101"]);
    let results = Ended::of(command).expect(1).sorted();
    let kinds: Vec<_> = results
        .iter()
        .map(|result| &result["error"]["kind"])
        .collect();
    assert_eq!(
        kinds,
        [
            &json!("failed"),
            &json!("invalid_input"),
            &json!("panicked"),
            &json!("crashed"),
            &json!(null),
            &json!("crashed"),
            &json!("output_too_large"),
        ]
    );
    assert_eq!(results[0]["error"]["message"], "not in the mood");
    assert_eq!(results[0]["ok"], false);
    assert_eq!(results[3]["error"]["reason"], "signal");
    assert_eq!(results[5]["error"]["reason"], "code");
    assert_eq!(results[4]["output"], "FINE");
    let advice = results[6]["error"]["message"].as_str().unwrap();
    assert!(advice.contains("--max-output"), "{advice}");
}

#[test]
fn a_job_that_runs_too_long_is_stopped() {
    let results = Ended::of(map("--deadline 200ms hang fine"))
        .expect(1)
        .sorted();
    assert_eq!(results[0]["error"]["kind"], "deadline");
    assert_eq!(results[1]["ok"], true);
}

#[test]
fn a_job_is_tried_again_as_often_as_was_said() {
    let ended = Ended::of(map("second")).expect(1);
    assert_eq!(ended.results[0]["error"]["message"], "not now");
    let ended = Ended::of(map("--retries 1 second")).expect(0);
    assert_eq!(ended.results[0]["output"], "SECOND");
    // Even if it takes its worker down each time.
    let ended = Ended::of(map("--retries 4 fifth")).expect(0);
    assert_eq!(ended.results[0]["output"], "FIFTH");
}

#[test]
fn what_is_not_utf8_is_written_in_base64() {
    let mut running = Running::start(map("-"));
    running.feed(b"binary\n\xff\n");
    let results = running.end().expect(0).sorted();
    assert_eq!(results[0]["output_base64"], "//4=");
    assert!(results[0].get("output").is_none());
    assert_eq!(results[1]["input_base64"], "/w==");
    assert_eq!(results[1]["output_base64"], "/w==");
}

#[test]
fn results_come_in_the_order_in_which_jobs_end_or_in_that_of_the_input() {
    for (option, expected) in [("", [1, 0]), ("--keep-order", [0, 1])] {
        let folder = Folder::new();
        let (gate, met) = (folder.gate("gate"), folder.gate("met"));
        let mut running = Running::start(map(&format!("--max 2 {option}")));
        running.feed(format!("{}\n{}\n", gate.job(), met.job()));
        let first = gate.met();
        drop(met.met());
        if option.is_empty() {
            assert_eq!(running.result()["index"], expected[0]);
            drop(first);
            assert_eq!(running.result()["index"], expected[1]);
        } else {
            // The second one has ended when a job that needs its worker is there.
            let third = folder.gate("third");
            running.feed(format!("{}\n", third.job()));
            drop(third.met());
            drop(first);
            assert_eq!(running.result()["index"], expected[0]);
            assert_eq!(running.result()["index"], expected[1]);
        }
        running.end().expect(0);
    }
}

#[test]
fn the_worker_gets_its_arguments_and_the_jobs_their_name() {
    let command = map("--worker-arg --one --worker-arg two --name kind arguments name");
    let results = Ended::of(command).expect(0).sorted();
    assert_eq!(results[0]["output"], "--one two");
    assert_eq!(results[1]["output"], "kind");
}

#[test]
fn logs_of_workers_go_to_standard_error_as_their_filter_says() {
    let command = |filter: &str| {
        let mut command = map("--quiet --log-filter");
        command.args([filter, "log hot \x1b[2J"]);
        command
    };
    let ended = Ended::of(command("info")).expect(0);
    let expected = " job 0: hot \\u{1b}[2J {\"length\":8}\n";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert_eq!(Ended::of(command("error")).expect(0).stderr, "");
}
