//! What a worker writes (section 6).

use super::case;
use crate::case::Finding;
use crate::host::body::{Order, Output};
use crate::host::case::{Closing, HostCase, Played};
use crate::host::stage::Stage;

pub(super) fn cases() -> Vec<HostCase> {
    vec![
        case(
            "logs/any-line",
            &["GR-6.1-2"],
            [
                "writes lines that are no records to standard output and standard error",
                "the host takes them as they are",
            ],
            |stage| Box::pin(any_line(stage)),
        ),
        case(
            "logs/any-bytes",
            &["GR-6.1-2"],
            [
                "writes lines that are no UTF-8, that hold NUL, or nothing at all",
                "the host takes the text around them as it is, and goes on",
            ],
            |stage| Box::pin(any_bytes(stage)),
        ),
        case(
            "logs/line-without-an-end",
            &["GR-6.1-2"],
            [
                "writes a line to standard output and one to standard error, each without its end, and exits",
                "the host takes both as they are",
            ],
            |stage| Box::pin(line_without_an_end(stage)),
        )
        .closing(Closing::WorkerGone),
        case(
            "logs/long-line",
            &["GR-6.1-3"],
            [
                "writes a line of 8 MB to standard error",
                "the host reads all of it, keeps a part, and goes on",
            ],
            |stage| Box::pin(long_line(stage)),
        ),
        case(
            "logs/many-lines",
            &["GR-6.1-3"],
            [
                "writes 10,000 lines at once",
                "the host reads them all, and goes on",
            ],
            |stage| Box::pin(many_lines(stage)),
        ),
    ]
}

/// Writes, and waits until the host has made room for all of it.
async fn print(stage: &mut Stage, to: Output, bytes: impl Into<Vec<u8>>, times: usize) -> Played {
    let before = stage.me().obeyed;
    let bytes = bytes.into();
    stage.me().order(Order::Print { to, bytes, times });
    stage
        .until(
            "GR-6.1-3",
            "the host to read what the worker writes",
            |stage| (stage.actor()?.obeyed > before).then_some(()),
        )
        .await
}

async fn any_line(stage: &mut Stage) -> Played {
    const LINES: [&str; 4] = ["plain", "{\"half\":", "[1,2]", "  öffentlich\t "];
    stage.ready().await?;
    for to in [Output::Stdout, Output::Stderr] {
        print(stage, to, LINES.map(|line| format!("{line}\n")).concat(), 1).await?;
        if stage.setting.no_jobs.is_some() {
            continue;
        }
        stage
            .until("GR-6.1-2", "each line, unchanged", |stage| {
                let known = |line: &&str| stage.logs(to).any(|log| log == *line);
                LINES.iter().all(known).then_some(())
            })
            .await?;
    }
    stage.still_trusted().await
}

/// What a host makes of a byte that is no UTF-8 is left to it, as it is only in words on its way to the
/// kit: the text on both sides of it must be there, in one line.
async fn any_bytes(stage: &mut Stage) -> Played {
    const LINES: [(&[u8], &str, &str); 5] = [
        (
            b"one byte \xff that is none\n",
            "one byte ",
            " that is none",
        ),
        (b"a half \xc3\n", "a half ", ""),
        (
            b"a text in Latin-1: \xe4\xf6\xfc.\n",
            "a text in Latin-1: ",
            ".",
        ),
        (b"a zero \0 within\n", "a zero ", " within"),
        (b"\n\n\0\n\x80\nthe last one\n", "the last", " one"),
    ];
    stage.ready().await?;
    for to in [Output::Stdout, Output::Stderr] {
        print(stage, to, LINES.map(|(bytes, ..)| bytes).concat(), 1).await?;
        if stage.setting.no_jobs.is_some() {
            continue;
        }
        for (_, head, tail) in LINES {
            let expected = format!("on {to:?} a line from {head:?} to {tail:?}");
            stage
                .until("GR-6.1-2", &expected, |stage| {
                    let is_it = |log: &str| log.starts_with(head) && log.ends_with(tail);
                    stage.logs(to).any(is_it).then_some(())
                })
                .await?;
        }
    }
    stage.still_trusted().await
}

async fn line_without_an_end(stage: &mut Stage) -> Played {
    const WORDS: &str = "its last words";
    stage.ready().await?;
    for to in [Output::Stdout, Output::Stderr] {
        print(stage, to, WORDS, 1).await?;
    }
    stage.exit(0);
    if stage.setting.no_jobs.is_some() {
        return Ok(());
    }
    for to in [Output::Stdout, Output::Stderr] {
        let expected = format!("on {to:?} the line that nothing has ended");
        stage
            .until("GR-6.1-2", &expected, |stage| {
                stage.logs(to).any(|log| log == WORDS).then_some(())
            })
            .await?;
    }
    Ok(())
}

async fn long_line(stage: &mut Stage) -> Played {
    const PIECE: usize = 64 << 10;
    const LONGEST: usize = 4 << 20;
    stage.ready().await?;
    print(stage, Output::Stderr, "x".repeat(PIECE), 128).await?;
    print(stage, Output::Stderr, "\nthe next line\n", 1).await?;
    if stage.setting.no_jobs.is_none() {
        stage
            .until("GR-6.1-3", "the line behind the long one", |stage| {
                stage
                    .logs(Output::Stderr)
                    .any(|log| log == "the next line")
                    .then_some(())
            })
            .await?;
    }
    stage.still_trusted().await?;
    if stage.longest_line > LONGEST {
        let got = format!("a line of {} bytes", stage.longest_line);
        return Err(Finding::new("GR-6.1-3", "a line that is shortened", got).into());
    }
    Ok(())
}

async fn many_lines(stage: &mut Stage) -> Played {
    stage.ready().await?;
    print(stage, Output::Stderr, "one of very many\n", 10_000).await?;
    print(stage, Output::Stdout, "one of very many\n", 10_000).await?;
    stage.still_trusted().await
}
