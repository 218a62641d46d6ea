//! The jobs of section 9.1.

use std::collections::HashSet;
use std::fmt::Write;
use std::panic::catch_unwind;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use bytes::Bytes;
use greenroom_protocol::{
    CallRequest, DeadlineKind, ExtendDeadline, FailureKind, Pair, Retire, StartJob, WorkerMessage,
};

use crate::fault::Fault;
use crate::jobs::Doing;
use crate::worker::Worker;
use crate::writer::shortened;

const JOBS: &str = "greenroom-conformance 1
conformance.echo
conformance.produce
conformance.describe
conformance.wait
conformance.deaf
conformance.block
conformance.fail
conformance.crash
conformance.call
conformance.calls
conformance.extend
conformance.retire
conformance.log
conformance.grandchild
conformance.exit
";

impl Worker {
    /// Runs the handler of a job whose input is complete.
    pub(crate) fn handle(&mut self, number: u64) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let Doing::Reading(input) = std::mem::replace(&mut job.doing, Doing::Deaf) else {
            return;
        };
        let start = job.start.clone();
        let text = String::from_utf8_lossy(&input).into_owned();
        let amount = text.trim().parse::<u64>().unwrap_or(0);
        match start.name.as_str() {
            "conformance.jobs" => self.done(number, JOBS),
            "conformance.echo" => self.done(number, input),
            "conformance.produce" => self.produce(number, amount, &start),
            "conformance.describe" => self.done(number, self.describe(&start)),
            "conformance.wait" => {
                self.say(number, "begun");
                self.go_on(number, Doing::Waiting);
            }
            "conformance.deaf" => self.say(number, "begun"),
            "conformance.block" => {
                self.say(number, "begun");
                sleep(Duration::from_millis(amount));
                self.done(number, "blocked");
            }
            "conformance.fail" => {
                let retryable = value(&start, "retryable") == "true";
                self.fail(number, FailureKind::ERROR, &text, retryable);
            }
            "conformance.crash" => self.crash(number, text),
            "conformance.call" => {
                let method = value(&start, "method").to_owned();
                self.go_on(
                    number,
                    Doing::Calling {
                        answers: vec![None],
                    },
                );
                self.call(number, 0, &method, input.into());
            }
            "conformance.calls" => self.calls(number, amount),
            "conformance.extend" => self.extend(number, amount),
            "conformance.retire" => {
                self.retired = true;
                let reason = shortened(&text).into();
                self.send(&WorkerMessage::Retire(Retire { reason }));
                self.done(number, "retired");
            }
            "conformance.log" => self.log(number, &text),
            "conformance.grandchild" => self.grandchild(number),
            // What was sent before is written first.
            "conformance.exit" => self.outbox.leave(i32::try_from(amount).unwrap_or(1)),
            other => {
                let message = format!("there is no job {other}");
                self.fail(number, FailureKind::INVALID_INPUT, &message, false);
            }
        }
    }

    fn go_on(&mut self, number: u64, doing: Doing) {
        if let Some(job) = self.jobs.get_mut(&number) {
            job.doing = doing;
        }
    }

    fn done(&mut self, number: u64, output: impl Into<Bytes>) {
        let (data, piece) = (output.into(), None);
        self.go_on(number, Doing::Sending { data, piece });
        self.pump(number);
    }

    fn produce(&mut self, number: u64, amount: u64, start: &StartJob) {
        let amount = usize::try_from(amount).unwrap_or(usize::MAX);
        let data = (0..=250u8).cycle().take(amount).collect();
        let piece = value(start, "piece").parse().ok();
        self.go_on(number, Doing::Sending { data, piece });
        self.pump(number);
    }

    fn describe(&self, start: &StartJob) -> String {
        let mut metadata = start.metadata.clone();
        if self.is(Fault::SortsMetadata) {
            metadata.sort_by(|one, other| one.key.cmp(&other.key));
        }
        if self.is(Fault::MergesMetadata) {
            let mut seen = HashSet::new();
            metadata.retain(|pair| seen.insert(pair.key.clone()));
        }
        let mut text = format!(
            "id={}\nname={}\nattempt={}\ntraceparent={}\ndeadline_ms={}\n",
            start.id, start.name, start.attempt, start.traceparent, start.deadline_ms
        );
        for Pair { key, value } in metadata {
            let _ = writeln!(text, "meta.{key}={value}");
        }
        text
    }

    fn crash(&mut self, number: u64, message: String) {
        let Err(payload) = catch_unwind(|| std::panic::panic_any(message));
        let message = payload.downcast::<String>().unwrap_or_default();
        self.fail(number, FailureKind::PANIC, &message, false);
    }

    // ---- calls

    fn calls(&mut self, number: u64, amount: u64) {
        let amount = usize::try_from(amount).unwrap_or(0);
        let answers = vec![None; amount];
        self.go_on(number, Doing::Calling { answers });
        for place in 0..amount {
            self.call(number, place, "echo", place.to_string().into());
        }
        self.finish_if_answered(number);
    }

    fn call(&mut self, number: u64, place: usize, method: &str, data: Bytes) {
        self.last_call += 1;
        let call = match self.planted {
            planted if planted.is(Fault::RepeatsCallNumbers) => 1,
            planted if planted.is(Fault::CallsNumberZero) => self.last_call - 1,
            planted if planted.is(Fault::CountsCallsDown) => 1_000_000 - self.last_call,
            _ => self.last_call,
        };
        self.calls.insert(call, (number, place));
        let method = method.into();
        self.send(&WorkerMessage::CallRequest(
            CallRequest { call, method },
            data,
        ));
    }

    /// A job that has ended meanwhile has no open calls.
    pub(crate) fn answered(
        &mut self,
        number: u64,
        place: usize,
        error: Option<String>,
        data: Bytes,
    ) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let Doing::Calling { answers } = &mut job.doing else {
            return;
        };
        let takes_data = self.planted.is(Fault::TakesTheDataOfAnError) && !data.is_empty();
        match error {
            Some(error) if !takes_data => {
                let message = format!("the host refused: {error}");
                self.fail(number, FailureKind::ERROR, &message, false);
            }
            _ => {
                answers[place] = Some(data);
                self.finish_if_answered(number);
            }
        }
    }

    fn finish_if_answered(&mut self, number: u64) {
        let Some(job) = self.jobs.get(&number) else {
            return;
        };
        let Doing::Calling { answers } = &job.doing else {
            return;
        };
        let Some(answers) = answers.iter().cloned().collect::<Option<Vec<_>>>() else {
            return;
        };
        if job.start.name == "conformance.call" {
            self.done(number, answers.concat());
        } else {
            self.done(number, answers.join(&b'\n'));
        }
    }

    // ---- what leaves the protocol

    fn extend(&mut self, number: u64, extra_ms: u64) {
        let job = if self.is(Fault::ExtendsWithoutAJob) {
            0
        } else {
            number
        };
        let which = DeadlineKind::JOB;
        self.send(&WorkerMessage::ExtendDeadline(ExtendDeadline {
            which,
            job,
            extra_ms,
        }));
        self.done(number, "extended");
    }

    fn log(&mut self, number: u64, text: &str) {
        if self.is(Fault::LogsPlainText) {
            eprintln!("INFO {text}");
        } else {
            let elapsed_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let mut record = serde_json::json!({
                "level": "INFO",
                "target": "wrong_worker",
                "message": text,
                "fields": {},
                "span": "job",
                "elapsed_us": elapsed_us,
            });
            if self.is(Fault::LogsItsJob) {
                record["fields"]["job"] = number.into();
            }
            eprintln!("{record}");
        }
        println!("{text}");
        self.done(number, "logged");
    }

    fn grandchild(&mut self, number: u64) {
        // Nobody waits for it: its group is killed.
        match Command::new("sleep").arg("60").spawn() {
            Ok(child) => self.done(number, child.id().to_string()),
            Err(error) => self.fail(number, FailureKind::ERROR, &error.to_string(), false),
        }
    }
}

fn value<'a>(start: &'a StartJob, key: &str) -> &'a str {
    let pair = start.metadata.iter().find(|pair| pair.key == key);
    pair.map_or("", |pair| pair.value.as_str())
}
