//! Calls (section 5.6).

use greenroom_protocol::{CallRequest, WorkerMessage};

use super::case;
use crate::case::Finding;
use crate::host::case::{Closing, HostCase, Played};
use crate::host::say::SECTION;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "calls/answered",
            &["GR-5.6-2"],
            [
                "calls echo, refuse, and a method that there is not",
                "the argument, an error that says the argument, an error",
            ],
            |stage| Box::pin(answered(stage)),
        ),
        case(
            "calls/hundred-at-once",
            &["GR-5.6-2"],
            [
                "makes 100 calls in one piece",
                "each has exactly one answer, in any order",
            ],
            |stage| Box::pin(hundred_at_once(stage)),
        ),
        case(
            "calls/mid-job",
            &["GR-5.6-2"],
            [
                "calls while a job runs, with numbers that leave gaps",
                "each call is answered",
            ],
            |stage| Box::pin(mid_job(stage)),
        ),
        case(
            "calls/number-0",
            &["GR-5.6-1"],
            [
                "makes a call with the number 0",
                "the host ends the connection",
            ],
            |stage| Box::pin(bad_numbers(stage, &[0])),
        )
        .closing(Closing::Refused),
        case(
            "calls/number-twice",
            &["GR-5.6-1"],
            [
                "makes two calls with the number 7",
                "the host ends the connection",
            ],
            |stage| Box::pin(bad_numbers(stage, &[7, 7])),
        )
        .closing(Closing::Refused),
        case(
            "calls/number-smaller",
            &["GR-5.6-1"],
            [
                "makes a call with a number below the last one",
                "the host ends the connection",
            ],
            |stage| Box::pin(bad_numbers(stage, &[7, 6])),
        )
        .closing(Closing::Refused),
    ]
}

fn call(call: u64, argument: String) -> WorkerMessage {
    let method = "echo".into();
    WorkerMessage::CallRequest(CallRequest { call, method }, argument.into())
}

/// The methods are those of section 9.2; any other host answers as it likes.
fn strict(stage: &Stage) -> bool {
    stage.setting.no_jobs.is_none()
}

async fn answered(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let echo = stage.call("echo", "hello").await?;
    let refuse = stage.call("refuse", "not today").await?;
    let unknown = stage.call("no such method", "hello").await?;
    let as_agreed = echo.0.is_none()
        && echo.1 == "hello"
        && refuse
            .0
            .as_ref()
            .is_some_and(|error| error.contains("not today"))
        && unknown.0.is_some();
    if strict(stage) && !as_agreed {
        let expected = "hello; the error \"not today\"; an error";
        let got = format!("{echo:?}; {refuse:?}; {unknown:?}");
        return Err(Finding::new(SECTION, expected, got).into());
    }
    Ok(())
}

/// The referee refuses a second answer; that the last ones have come shows in a call behind them.
async fn hundred_at_once(stage: &mut Stage) -> Played {
    stage.ready().await?;
    let calls: Vec<_> = (0..100)
        .map(|n| stage.me().call("echo", n.to_string()).1)
        .collect();
    stage.send_all(&calls);
    stage
        .until("GR-5.6-2", "an answer to each of 100 calls", |stage| {
            (stage.actor()?.referee.open_calls() == 0).then_some(())
        })
        .await?;
    stage.still_trusted().await
}

async fn mid_job(stage: &mut Stage) -> Played {
    let job = stage.at_work().await?;
    for number in [5, 9, u64::MAX] {
        stage.send(call(number, number.to_string()));
        let (error, data) = stage.answer_to(number).await?;
        if strict(stage) && (error.is_some() || data != number.to_string()) {
            let got = format!("{error:?}, {data:?}");
            return Err(Finding::new(SECTION, number.to_string(), got).into());
        }
    }
    stage.send(crate::host::session::finished(job.number, "done"));
    stage.ends_with(SECTION, &job.key, "done").await
}

async fn bad_numbers(stage: &mut Stage, numbers: &[u64]) -> Played {
    stage.ready().await?;
    let calls: Vec<_> = numbers
        .iter()
        .map(|number| call(*number, String::new()))
        .collect();
    stage.send_all(&calls);
    stage.refused().await
}
