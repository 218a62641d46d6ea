//! Where the protocol is spoken (section 1.2).

use super::case;
use crate::case::Finding;
use crate::host::body::{Order, Output};
use crate::host::case::{HostCase, Played};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "environment/standard-input",
            &["GR-1.2-1"],
            [
                "looks at its standard input",
                "a stream socket, over which the host speaks",
            ],
            |stage| Box::pin(standard_input(stage)),
        ),
        case(
            "environment/variables",
            &["GR-1.2-3", "GR-1.2-2"],
            [
                "looks at its environment",
                "GREENROOM_WORKER is 1, GREENROOM_HOST_PID the number of the process above",
            ],
            |stage| Box::pin(variables(stage)),
        ),
        case(
            "environment/output-is-no-protocol",
            &["GR-1.2-4", "GR-6.1-2"],
            [
                "writes frames to standard output and standard error, also broken ones",
                "the host goes on with the worker",
            ],
            |stage| Box::pin(output_is_no_protocol(stage)),
        ),
    ]
}

async fn standard_input(stage: &mut Stage) -> Played {
    stage.started().await?;
    if !stage.me().introduction.stream {
        let expected = "a stream socket as the worker's standard input";
        return Err(Finding::new("GR-1.2-1", expected, "something else").into());
    }
    stage.ready().await.map(drop)
}

async fn variables(stage: &mut Stage) -> Played {
    stage.asked().await?;
    let introduction = &stage.me().introduction;
    let parent = introduction.parent.unwrap_or_default().to_string();
    let value = |name: &str| {
        let found = introduction
            .greenroom
            .iter()
            .find(|(known, _)| known == name);
        found
            .map_or("nothing", |(_, value)| value.as_str())
            .to_owned()
    };
    let wanted = [
        ("GR-1.2-2", "GREENROOM_WORKER", "1"),
        ("GR-1.2-3", "GREENROOM_HOST_PID", parent.as_str()),
    ];
    for (requirement, name, expected) in wanted {
        let got = value(name);
        if got != expected {
            let expected = format!("{name} to be {expected}");
            return Err(Finding::new(requirement, expected, got).into());
        }
    }
    Ok(())
}

async fn output_is_no_protocol(stage: &mut Stage) -> Played {
    stage.ready().await?;
    // Exiting; a Pong that nobody asked for; a length over every limit.
    let frames = b"\x03\0\0\0\x07\0\0\n\x05\0\0\0\x04\0\x07\0\0\n\x7f\x7f\x7f\x7f\n";
    for to in [Output::Stdout, Output::Stderr] {
        stage.me().order(Order::Print {
            to,
            bytes: frames.into(),
            times: 3,
        });
    }
    stage
        .until(
            "GR-6.1-2",
            "the host to read what the worker writes",
            |stage| (stage.actor()?.obeyed == 2).then_some(()),
        )
        .await?;
    stage.still_trusted().await
}
