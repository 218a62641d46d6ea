//! Types that are unknown, or of the other direction (section 2.4).

use super::{case, vectors};
use crate::host::case::{Closing, HostCase, Played};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "types/unknown-critical",
            &["GR-2.4-2", "GR-2.4-5"],
            [
                "sends types without a meaning and without the high bit",
                "the host ends each of them",
            ],
            |stage| {
                Box::pin(vectors::refused(stage, |vector| {
                    vector.error == "UnknownType"
                }))
            },
        )
        .closing(Closing::Refused),
        case(
            "types/unknown-ignorable",
            &["GR-2.4-3"],
            [
                "sends types with the high bit, before and after its response, with nonsense in them",
                "the host passes over them",
            ],
            |stage| Box::pin(unknown_ignorable(stage)),
        ),
        case(
            "types/of-the-host",
            &["GR-2.4-1"],
            [
                "sends each message that only a host may send",
                "the host ends each of them",
            ],
            |stage| {
                Box::pin(vectors::refused(stage, |vector| {
                    vector.error == "WrongDirection"
                }))
            },
        )
        .closing(Closing::Refused),
    ]
}

async fn unknown_ignorable(stage: &mut Stage) -> Played {
    stage.asked().await?;
    stage.send_raw(
        "type 0xfff0",
        b"\x06\0\0\0\xf0\xff\xff\xff\xff\xff".as_slice(),
    );
    stage.send_raw("type 0x8000, empty", b"\x02\0\0\0\0\x80".as_slice());
    stage.respond(|_| {});
    stage.taken_for_ready("GR-2.4-3").await?;
    // 0x8003 is not a Ping with a flag.
    stage.send_raw("type 0x8003", b"\x03\0\0\0\x03\x80\x01".as_slice());
    stage.send_raw("type 0xffff", b"\x04\0\0\0\xff\xff\xfe\xff".as_slice());
    stage.still_trusted().await
}
