//! Stack dumps (section 5.9).

use greenroom_protocol::{Capabilities, HostMessage, StackDump, WorkerMessage};

use super::case;
use crate::host::case::{Closing, HostCase, Played};
use crate::host::say::SECTION;
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "stacks/not-in-common",
            &["GR-5.9-4", "GR-4.4-1", "GR-5.9-2"],
            [
                "sends a StackDump without having announced the capability",
                "the host ends the connection",
            ],
            |stage| Box::pin(not_in_common(stage)),
        )
        .closing(Closing::Refused),
        case(
            "stacks/asked-for",
            &["GR-5.9-1"],
            [
                "announces the capability, answers no ping, and dumps its stacks if it is asked",
                "the host asks only if it has announced the capability too, and ends the worker",
            ],
            |stage| Box::pin(asked_for(stage)),
        )
        .closing(Closing::Refused),
    ]
}

fn dump() -> WorkerMessage {
    WorkerMessage::StackDump(StackDump {
        text: "thread main:\n  0: park\n".into(),
    })
}

async fn not_in_common(stage: &mut Stage) -> Played {
    stage.ready().await?;
    stage.send(dump());
    stage.refused().await
}

async fn asked_for(stage: &mut Stage) -> Played {
    stage.asked().await?;
    stage.pongs(false);
    stage.respond(|response| response.capabilities = Capabilities::STACK_DUMP);
    stage.taken_for_ready(SECTION).await?;
    let bound = stage.announced(|request| request.ping_timeout_ms) + stage.setting.timeout;
    stage
        .within(bound, "GR-5.2-3", "the host to end the worker", |stage| {
            let actor = stage.cast.first_mut()?;
            if actor
                .inbox
                .drain(..)
                .any(|message| message == HostMessage::DumpStacks)
            {
                actor.send(&dump(), &mut stage.transcript);
            }
            actor.is_over().then_some(())
        })
        .await
}
