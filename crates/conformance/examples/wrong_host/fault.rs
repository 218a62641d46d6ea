//! What can be wrong with the host: one thing at a time.

/// What it does instead of what is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Sets no GREENROOM_HOST_PID.
    HidesItsPid,
    /// Sets GREENROOM_HOST_PID to the number of another process.
    SaysAnotherPid,
    /// Sets no GREENROOM_WORKER.
    HidesThatItIsAHost,
    /// Gives its workers a pipe as standard input.
    GivesAPipe,
    /// Takes what workers write to standard output for a violation.
    TakesStandardOutputForProtocol,
    /// Reads nothing while it waits to write.
    StopsReadingWhileWriting,
    /// Ends when a connection is reset.
    IgnoresAReset,
    /// Passes over whatever is wrong, and reads on.
    ReadsOnAfterAViolation,
    /// Does not say which requirement its worker broke.
    NamesNoRequirement,
    /// Takes a frame that comes in two pieces for a broken one.
    NeedsWholeFrames,
    /// Of all that it reads at once, it takes one frame.
    LosesCoalescedFrames,
    /// Passes over a length of 0 or 1.
    AcceptsLengthZero,
    /// Knows no limit for frames.
    AcceptsOverlongFrames,
    /// Sends frames that are larger than agreed on.
    SendsOverlongFrames,
    /// Refuses frames over 65,536 bytes for ever.
    KeepsTheHandshakeLimit,
    /// Sends a pong with each ping.
    SendsAWorkersMessage,
    /// Sends a frame of an unknown type that nobody may skip.
    SendsACriticalUnknown,
    /// Takes each unknown type for a violation.
    RefusesIgnorables,
    /// Looks into the bodies of frames that it is to skip.
    LooksIntoIgnorables,
    /// Skips each unknown type.
    SkipsCriticalUnknowns,
    /// Skips messages that only a host may send.
    SkipsAHostsMessages,
    /// Takes an end inside a frame for one between two.
    TakesACutFrameForAClose,
    /// Takes what there is of a frame at the end of the stream for all of it.
    UsesACutFrame,
    /// Gives a job that was accepted to the next worker, when its worker has gone.
    TriesAnAcceptedJobAgain,
    /// Does not mind integers that are longer than need be.
    AcceptsLongIntegers,
    /// Does not mind bytes after the last field.
    AcceptsTrailingBytes,
    /// Does not mind texts that are not UTF-8.
    AcceptsBadText,
    /// Writes the seq of a ping with a marker that it does not need.
    SendsLongIntegers,
    /// Sends a byte after the fields of a ping.
    SendsTrailingBytes,
    /// Takes a kind of failure that it does not know for a violation.
    RefusesUnknownFailures,
    /// Takes a capability that it does not know for a violation.
    RefusesUnknownCapabilities,
    /// Takes an extension that it does not know for a violation.
    RefusesUnknownExtensions,
    /// Takes a deadline that it does not know for a violation.
    RefusesUnknownDeadlines,
    /// Sends its InitializeRequest twice.
    RequestsTwice,
    /// Sends a ping before its InitializeRequest.
    SpeaksBeforeItsRequest,
    /// Sends a ping between request and response.
    PingsBeforeTheResponse,
    /// Gives a job to a worker that has not responded.
    StartsAJobBeforeTheResponse,
    /// Does not mind a second InitializeResponse.
    AcceptsASecondResponse,
    /// Does not mind a pong before the response.
    AcceptsAnyFirstMessage,
    /// Bounds the time until the response by nothing.
    WaitsForeverForTheResponse,
    /// Says that the time until the response is 0.
    AnnouncesNoInitializeTimeout,
    /// Does not check the version of a worker.
    AcceptsAVersionOutOfRange,
    /// Does not check the limits of a worker.
    AcceptsLimitsOutOfRange,
    /// Does not check the slots of a worker.
    AcceptsNoSlots,
    /// Announces frames of at most 16 bytes.
    LimitsOutOfRange,
    /// Lists an extension twice.
    DoublesAnExtension,
    /// Does not mind an extension that is listed twice.
    AcceptsDoubledExtensions,
    /// Gives a job to a worker that has said that it cannot be used.
    UsesAFailedWorker,
    /// Sends no pings.
    NeverPings,
    /// Takes any pong for the answer to its ping.
    AcceptsAWrongSeq,
    /// Does not mind a pong that was there before.
    AcceptsAReplayedPong,
    /// Waits for ever for a pong.
    NeverKillsASilentWorker,
    /// Does not mind ShuttingDown without Shutdown.
    AcceptsShuttingDownUnasked,
    /// Does not mind messages after Exiting.
    AcceptsWordsAfterExiting,
    /// Gives a job to a worker that it has told to leave.
    StartsAJobAfterShutdown,
    /// Waits for ever for a worker that it has told to leave.
    NeverKillsALateWorker,
    /// Takes an exit with 0 for the end of a job.
    TakesTheExitStatusForAnOutcome,
    /// Does not mind messages of a job that does not run.
    AcceptsUnknownJobs,
    /// Does not mind a second JobFinished.
    AcceptsTwoFinishes,
    /// Does not mind a second JobAccepted.
    AcceptsTwoAcceptances,
    /// Does not mind output of a job that was not accepted.
    AcceptsOutputBeforeAcceptance,
    /// Does not mind a good end of a job that was not accepted.
    AcceptsUnacceptedSuccess,
    /// Gives a worker all jobs at once.
    StartsTwoJobsInOneSlot,
    /// Gives each job the number 1.
    ReusesAJobNumber,
    /// Does not say which piece of input is the last.
    SaysLastNever,
    /// Says of each piece of input that it is the last.
    SaysLastTwice,
    /// Sends the pieces of input from behind.
    SendsInputOutOfOrder,
    /// Does not mind a max_payload.
    SendsTooMuchInput,
    /// Does not mind a rejection of a job that was accepted.
    AcceptsALateRejection,
    /// Does not mind a job that is cancelled and failed.
    AcceptsBothEnds,
    /// Never allows more output than at first.
    GrantsNoWindow,
    /// Allows more output while nobody takes it.
    GrantsWithoutReading,
    /// Does not count what a job sends.
    ToleratesOverflow,
    /// Forgets the data of JobFinished.
    LosesTheLastOutput,
    /// Answers each call twice.
    AnswersCallsTwice,
    /// Answers no call.
    NeverAnswersCalls,
    /// Does not mind a call number that was used before.
    AcceptsACallNumberTwice,
    /// Gives a worker as much time as it wants.
    GrantsAnyExtension,
    /// Does not mind more time for a job that does not run.
    AcceptsAnExtensionOfNoJob,
    /// Gives a job to a worker that has retired.
    StartsAJobAfterRetire,
    /// Does not replace a worker that has retired.
    KeepsARetiredWorker,
    /// Asks for stacks that were not announced.
    DumpsUnannounced,
    /// Does not mind a stack dump, which it has not announced to want.
    AcceptsADump,
    /// Hands on only lines that are records.
    DropsText,
    /// Hands on only lines that are UTF-8.
    DropsWhatIsNoUtf8,
    /// Takes a zero for the end of a line.
    EndsLinesAtAZero,
    /// Hands on only lines that have an end.
    DropsALineWithoutAnEnd,
    /// Keeps a line, however long it is.
    KeepsLongLinesWhole,
    /// Reads nothing of what its workers write.
    ReadsNoLines,
}

/// By what name each is asked for.
pub(crate) const FAULTS: &[(&str, Fault)] = &[
    ("hides-its-pid", Fault::HidesItsPid),
    ("says-another-pid", Fault::SaysAnotherPid),
    ("hides-that-it-is-a-host", Fault::HidesThatItIsAHost),
    ("gives-a-pipe", Fault::GivesAPipe),
    (
        "takes-standard-output-for-protocol",
        Fault::TakesStandardOutputForProtocol,
    ),
    (
        "stops-reading-while-writing",
        Fault::StopsReadingWhileWriting,
    ),
    ("ignores-a-reset", Fault::IgnoresAReset),
    ("reads-on-after-a-violation", Fault::ReadsOnAfterAViolation),
    ("names-no-requirement", Fault::NamesNoRequirement),
    ("needs-whole-frames", Fault::NeedsWholeFrames),
    ("loses-coalesced-frames", Fault::LosesCoalescedFrames),
    ("accepts-length-zero", Fault::AcceptsLengthZero),
    ("accepts-overlong-frames", Fault::AcceptsOverlongFrames),
    ("sends-overlong-frames", Fault::SendsOverlongFrames),
    ("keeps-the-handshake-limit", Fault::KeepsTheHandshakeLimit),
    ("sends-a-workers-message", Fault::SendsAWorkersMessage),
    ("sends-a-critical-unknown", Fault::SendsACriticalUnknown),
    ("refuses-ignorables", Fault::RefusesIgnorables),
    ("looks-into-ignorables", Fault::LooksIntoIgnorables),
    ("skips-critical-unknowns", Fault::SkipsCriticalUnknowns),
    ("skips-a-hosts-messages", Fault::SkipsAHostsMessages),
    (
        "takes-a-cut-frame-for-a-close",
        Fault::TakesACutFrameForAClose,
    ),
    ("uses-a-cut-frame", Fault::UsesACutFrame),
    (
        "tries-an-accepted-job-again",
        Fault::TriesAnAcceptedJobAgain,
    ),
    ("accepts-long-integers", Fault::AcceptsLongIntegers),
    ("accepts-trailing-bytes", Fault::AcceptsTrailingBytes),
    ("accepts-bad-text", Fault::AcceptsBadText),
    ("sends-long-integers", Fault::SendsLongIntegers),
    ("sends-trailing-bytes", Fault::SendsTrailingBytes),
    ("refuses-unknown-failures", Fault::RefusesUnknownFailures),
    (
        "refuses-unknown-capabilities",
        Fault::RefusesUnknownCapabilities,
    ),
    (
        "refuses-unknown-extensions",
        Fault::RefusesUnknownExtensions,
    ),
    ("refuses-unknown-deadlines", Fault::RefusesUnknownDeadlines),
    ("requests-twice", Fault::RequestsTwice),
    ("speaks-before-its-request", Fault::SpeaksBeforeItsRequest),
    ("pings-before-the-response", Fault::PingsBeforeTheResponse),
    (
        "starts-a-job-before-the-response",
        Fault::StartsAJobBeforeTheResponse,
    ),
    ("accepts-a-second-response", Fault::AcceptsASecondResponse),
    ("accepts-any-first-message", Fault::AcceptsAnyFirstMessage),
    (
        "waits-forever-for-the-response",
        Fault::WaitsForeverForTheResponse,
    ),
    (
        "announces-no-initialize-timeout",
        Fault::AnnouncesNoInitializeTimeout,
    ),
    (
        "accepts-a-version-out-of-range",
        Fault::AcceptsAVersionOutOfRange,
    ),
    (
        "accepts-limits-out-of-range",
        Fault::AcceptsLimitsOutOfRange,
    ),
    ("accepts-no-slots", Fault::AcceptsNoSlots),
    ("limits-out-of-range", Fault::LimitsOutOfRange),
    ("doubles-an-extension", Fault::DoublesAnExtension),
    (
        "accepts-doubled-extensions",
        Fault::AcceptsDoubledExtensions,
    ),
    ("uses-a-failed-worker", Fault::UsesAFailedWorker),
    ("never-pings", Fault::NeverPings),
    ("accepts-a-wrong-seq", Fault::AcceptsAWrongSeq),
    ("accepts-a-replayed-pong", Fault::AcceptsAReplayedPong),
    (
        "never-kills-a-silent-worker",
        Fault::NeverKillsASilentWorker,
    ),
    (
        "accepts-shutting-down-unasked",
        Fault::AcceptsShuttingDownUnasked,
    ),
    (
        "accepts-words-after-exiting",
        Fault::AcceptsWordsAfterExiting,
    ),
    (
        "starts-a-job-after-shutdown",
        Fault::StartsAJobAfterShutdown,
    ),
    ("never-kills-a-late-worker", Fault::NeverKillsALateWorker),
    (
        "takes-the-exit-status-for-an-outcome",
        Fault::TakesTheExitStatusForAnOutcome,
    ),
    ("accepts-unknown-jobs", Fault::AcceptsUnknownJobs),
    ("accepts-two-finishes", Fault::AcceptsTwoFinishes),
    ("accepts-two-acceptances", Fault::AcceptsTwoAcceptances),
    (
        "accepts-output-before-acceptance",
        Fault::AcceptsOutputBeforeAcceptance,
    ),
    (
        "accepts-unaccepted-success",
        Fault::AcceptsUnacceptedSuccess,
    ),
    ("starts-two-jobs-in-one-slot", Fault::StartsTwoJobsInOneSlot),
    ("reuses-a-job-number", Fault::ReusesAJobNumber),
    ("says-last-never", Fault::SaysLastNever),
    ("says-last-twice", Fault::SaysLastTwice),
    ("sends-input-out-of-order", Fault::SendsInputOutOfOrder),
    ("sends-too-much-input", Fault::SendsTooMuchInput),
    ("accepts-a-late-rejection", Fault::AcceptsALateRejection),
    ("accepts-both-ends", Fault::AcceptsBothEnds),
    ("grants-no-window", Fault::GrantsNoWindow),
    ("grants-without-reading", Fault::GrantsWithoutReading),
    ("tolerates-overflow", Fault::ToleratesOverflow),
    ("loses-the-last-output", Fault::LosesTheLastOutput),
    ("answers-calls-twice", Fault::AnswersCallsTwice),
    ("never-answers-calls", Fault::NeverAnswersCalls),
    (
        "accepts-a-call-number-twice",
        Fault::AcceptsACallNumberTwice,
    ),
    ("grants-any-extension", Fault::GrantsAnyExtension),
    (
        "accepts-an-extension-of-no-job",
        Fault::AcceptsAnExtensionOfNoJob,
    ),
    ("starts-a-job-after-retire", Fault::StartsAJobAfterRetire),
    ("keeps-a-retired-worker", Fault::KeepsARetiredWorker),
    ("dumps-unannounced", Fault::DumpsUnannounced),
    ("accepts-a-dump", Fault::AcceptsADump),
    ("drops-text", Fault::DropsText),
    ("drops-what-is-no-utf-8", Fault::DropsWhatIsNoUtf8),
    ("ends-lines-at-a-zero", Fault::EndsLinesAtAZero),
    ("drops-a-line-without-an-end", Fault::DropsALineWithoutAnEnd),
    ("keeps-long-lines-whole", Fault::KeepsLongLinesWhole),
    ("reads-no-lines", Fault::ReadsNoLines),
];
