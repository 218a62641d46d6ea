//! What can be wrong with the worker: one thing at a time.

/// What it does instead of what is right, each written once with the name by which it is asked for.
macro_rules! faults {
    ($(#[doc = $what:literal] $fault:ident = $name:literal,)+) => {
        /// What it does instead of what is right.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $(#[doc = $what] $fault,)+
        }

        /// By what name each is asked for.
        pub(crate) const FAULTS: &[(&str, Fault)] = &[$(($name, Fault::$fault),)+];
    };
}

faults! {
    /// Reads nothing while it waits to write.
    StopsReadingWhileWriting = "stops-reading-while-writing",
    /// Does not notice the end of the stream.
    StaysAfterTheEnd = "stays-after-the-end",
    /// Notices the end of the stream where its handlers run, and so not while one blocks.
    StaysAfterTheEndWhileBlocked = "stays-after-the-end-while-blocked",
    /// Takes only an orderly close for the end of the stream.
    StaysAfterAReset = "stays-after-a-reset",
    /// Passes over whatever is wrong, and reads on.
    GoesOnAfterAViolation = "goes-on-after-a-violation",
    /// Takes a frame that comes in two pieces for a broken one.
    NeedsWholeFrames = "needs-whole-frames",
    /// Of all that it reads at once, it takes one frame.
    LosesCoalescedFrames = "loses-coalesced-frames",
    /// Passes over a length of 0 or 1.
    AcceptsLengthZero = "accepts-length-zero",
    /// Knows no limit for frames.
    AcceptsOverlongFrames = "accepts-overlong-frames",
    /// Refuses frames over 65,536 bytes for ever.
    KeepsTheHandshakeLimit = "keeps-the-handshake-limit",
    /// Sends frames of whatever size its output has.
    SendsOverlongFrames = "sends-overlong-frames",
    /// Takes what it announces itself for the limit from the beginning on.
    ForgetsTheHandshakeLimit = "forgets-the-handshake-limit",
    /// Sends a ping with each pong.
    SendsAHostsMessage = "sends-a-hosts-message",
    /// Sends a frame of an unknown type that nobody may skip.
    SendsACriticalUnknown = "sends-a-critical-unknown",
    /// Takes each unknown type for a violation.
    RefusesIgnorables = "refuses-ignorables",
    /// Looks into the bodies of frames that it is to skip.
    LooksIntoIgnorables = "looks-into-ignorables",
    /// Skips each unknown type.
    SkipsCriticalUnknowns = "skips-critical-unknowns",
    /// Skips messages that only a worker may send.
    SkipsAWorkersMessages = "skips-a-workers-messages",
    /// Does not mind integers that are longer than need be.
    AcceptsLongIntegers = "accepts-long-integers",
    /// Does not mind bytes after the last field.
    AcceptsTrailingBytes = "accepts-trailing-bytes",
    /// Does not mind texts that are not UTF-8.
    AcceptsBadText = "accepts-bad-text",
    /// Does not mind a body without all its fields.
    AcceptsCutBodies = "accepts-cut-bodies",
    /// Takes a reason that it does not know for a violation.
    RefusesUnknownReasons = "refuses-unknown-reasons",
    /// Takes a capability that it does not know for a violation.
    RefusesUnknownCapabilities = "refuses-unknown-capabilities",
    /// Takes an extension that it does not know for a violation.
    RefusesUnknownExtensions = "refuses-unknown-extensions",
    /// Does not mind an extension that is listed twice.
    AcceptsDoubledExtensions = "accepts-doubled-extensions",
    /// Writes the seq of a pong with a marker that it does not need.
    SendsLongIntegers = "sends-long-integers",
    /// Sends a byte after the fields of a pong.
    SendsTrailingBytes = "sends-trailing-bytes",
    /// Sends a pong without its last field.
    SendsACutBody = "sends-a-cut-body",
    /// Ends a cancelled job as cancelled and as failed.
    FinishesBothWays = "finishes-both-ways",
    /// Sends its InitializeResponse twice.
    RespondsTwice = "responds-twice",
    /// Sends its InitializeResponse before it has read anything.
    RespondsUnasked = "responds-unasked",
    /// Sends Retire before its InitializeResponse.
    SpeaksBeforeItsResponse = "speaks-before-its-response",
    /// Says that it is ready before its preparation is over.
    RespondsUnprepared = "responds-unprepared",
    /// Ignores a second InitializeRequest.
    AnswersASecondRequest = "answers-a-second-request",
    /// Waits for an InitializeRequest and skips what comes before it.
    BeginsWithoutARequest = "begins-without-a-request",
    /// Skips what comes while it prepares itself.
    AcceptsAnythingWhilePreparing = "accepts-anything-while-preparing",
    /// Is not told to leave while it prepares itself.
    PreparesOnThroughShutdown = "prepares-on-through-shutdown",
    /// Answers a Shutdown that comes while it prepares itself with a response.
    RespondsAfterShutdown = "responds-after-shutdown",
    /// Says 1, whatever the host speaks.
    IgnoresTheVersions = "ignores-the-versions",
    /// Takes the host's highest version, which it does not speak.
    TakesTheHostsVersion = "takes-the-hosts-version",
    /// Answers unknown versions with the code of a failed preparation.
    GivesAnotherVersionError = "gives-another-version-error",
    /// Answers unknown versions without its own.
    HidesItsVersion = "hides-its-version",
    /// Answers unknown versions by leaving.
    ExitsWithoutAVersionError = "exits-without-a-version-error",
    /// Announces frames of at most 16 bytes.
    LimitsOutOfRange = "limits-out-of-range",
    /// Announces that it runs no jobs at a time.
    NoSlots = "no-slots",
    /// Announces more slots than there can be.
    TooManySlots = "too-many-slots",
    /// Does not check the limits of its host.
    AcceptsLimitsOutOfRange = "accepts-limits-out-of-range",
    /// Lists an extension twice.
    DoublesAnExtension = "doubles-an-extension",
    /// Begins with its own window, even if its host's is smaller.
    UsesItsOwnWindow = "uses-its-own-window",
    /// Exits when its preparation fails, without a word.
    FailsSilently = "fails-silently",
    /// Exits with 0 after it has said that it cannot be used.
    ExitsWellAfterAnError = "exits-well-after-an-error",
    /// Says that it cannot be used, and stays.
    StaysAfterAnError = "stays-after-an-error",
    /// Says the process number of another.
    SaysAnotherPid = "says-another-pid",
    /// Answers each ping with a number of its own.
    PongsWithTheWrongSeq = "pongs-with-the-wrong-seq",
    /// Answers each ping twice.
    PongsTwice = "pongs-twice",
    /// Answers no ping.
    NeverPongs = "never-pongs",
    /// Answers every other ping.
    PongsToEveryOther = "pongs-to-every-other",
    /// Answers pings where it reads, not where its handlers run.
    PongsFromAHelper = "pongs-from-a-helper",
    /// Answers a ping only when the next one comes.
    PongsLate = "pongs-late",
    /// Sends ShuttingDown of its own accord.
    ShutsDownUnasked = "shuts-down-unasked",
    /// Leaves without an acknowledgement.
    SendsNoShuttingDown = "sends-no-shutting-down",
    /// Sends ShuttingDown when its jobs are over.
    AcknowledgesLate = "acknowledges-late",
    /// Says in ShuttingDown that no job runs.
    MiscountsItsJobs = "miscounts-its-jobs",
    /// Never leaves.
    IgnoresShutdown = "ignores-shutdown",
    /// Leaves when its jobs are over, however long that takes.
    OutstaysItsGrace = "outstays-its-grace",
    /// Leaves without finishing its jobs.
    DropsItsJobsOnShutdown = "drops-its-jobs-on-shutdown",
    /// Leaves without Exiting.
    SendsNoExiting = "sends-no-exiting",
    /// Sends something after Exiting.
    SpeaksAfterExiting = "speaks-after-exiting",
    /// Exits with 1 after it left as it was asked to.
    ExitsWithOne = "exits-with-one",
    /// Sends JobFinished twice.
    FinishesTwice = "finishes-twice",
    /// Sends no JobFinished.
    NeverFinishes = "never-finishes",
    /// Finishes a job that was never started.
    FinishesAnUnknownJob = "finishes-an-unknown-job",
    /// Accepts a job that was never started.
    AcceptsAnUnknownJob = "accepts-an-unknown-job",
    /// Sends output of a job that it has finished.
    SendsOutputAfterTheEnd = "sends-output-after-the-end",
    /// Sends JobAccepted after the first output.
    AcceptsAfterOutput = "accepts-after-output",
    /// Sends JobAccepted twice.
    AcceptsTwice = "accepts-twice",
    /// Begins a job that ends the process before its JobAccepted is written.
    BeginsUnannounced = "begins-unannounced",
    /// Sends no JobAccepted.
    NeverAccepts = "never-accepts",
    /// Ends a job that has run as rejected.
    RejectsWhatHasRun = "rejects-what-has-run",
    /// Does not mind a job number that was used before.
    TakesANumberTwice = "takes-a-number-twice",
    /// Says nothing of a job whose number was used before.
    DropsAUsedNumber = "drops-a-used-number",
    /// Runs whatever it is given, however many slots it has.
    TakesMoreJobsThanSlots = "takes-more-jobs-than-slots",
    /// Does not mind input after the last.
    TakesInputAfterTheLast = "takes-input-after-the-last",
    /// Does not mind input over the agreed max_payload.
    TakesTooMuchInput = "takes-too-much-input",
    /// Takes a cancel, a window or input for a finished job for a violation.
    RefusesLateMessages = "refuses-late-messages",
    /// Answers a cancel for a finished job with another JobFinished.
    AnswersALateCancel = "answers-a-late-cancel",
    /// Does not tell its jobs of a cancel.
    IgnoresCancel = "ignores-cancel",
    /// Accepts the job again as an answer to a cancel.
    AnswersACancel = "answers-a-cancel",
    /// Puts each piece of input before those that came earlier.
    SwapsInput = "swaps-input",
    /// Forgets the data of the message that ends the input.
    LosesTheLastInput = "loses-the-last-input",
    /// Sorts the metadata.
    SortsMetadata = "sorts-metadata",
    /// Keeps one of the entries that have the same key.
    MergesMetadata = "merges-metadata",
    /// Knows no window.
    ExceedsTheWindow = "exceeds-the-window",
    /// Charges its window with the bytes of each output, even if they are less than 64.
    ChargesSmallOutputByItsBytes = "charges-small-output-by-its-bytes",
    /// Does not hear that it may send more output.
    IgnoresMoreWindow = "ignores-more-window",
    /// Gives each call the number 1.
    RepeatsCallNumbers = "repeats-call-numbers",
    /// Begins its calls with the number 0.
    CallsNumberZero = "calls-number-zero",
    /// Gives each call a smaller number than the one before.
    CountsCallsDown = "counts-calls-down",
    /// Takes the data that comes with an error for the answer.
    TakesTheDataOfAnError = "takes-the-data-of-an-error",
    /// Does not mind an answer to a call that it has not made.
    TakesAnUnknownAnswer = "takes-an-unknown-answer",
    /// Takes answers for those of its calls in the order in which they come.
    MixesUpAnswers = "mixes-up-answers",
    /// Asks for more time for the job 0.
    ExtendsWithoutAJob = "extends-without-a-job",
    /// Names a job when it asks for more time to prepare itself.
    ExtendsItsPreparationForAJob = "extends-its-preparation-for-a-job",
    /// Says nothing of a job that it is given after its Retire.
    DropsACrossedJob = "drops-a-crossed-job",
    /// Announces stack dumps, and answers none.
    DumpsNothing = "dumps-nothing",
    /// Answers a DumpStacks twice.
    DumpsTwice = "dumps-twice",
    /// Answers a DumpStacks only where its handlers run.
    DumpsWhenFree = "dumps-when-free",
    /// Sends a stack dump that is longer than fields may be.
    DumpsWithoutBounds = "dumps-without-bounds",
    /// Answers a DumpStacks though the capability is not common.
    DumpsUninvited = "dumps-uninvited",
    /// Skips a DumpStacks if the capability is not common.
    SkipsUninvitedDumps = "skips-uninvited-dumps",
    /// Logs in words only.
    LogsPlainText = "logs-plain-text",
    /// Says in each record which job it comes from.
    LogsItsJob = "logs-its-job",
    /// Waits for a host that has not started it.
    RunsByHand = "runs-by-hand",
    /// Exits with 2 when it was not started by a host.
    ExitsWithTwoByHand = "exits-with-two-by-hand",
    /// Writes its frames to standard output.
    SpeaksOnStandardOutput = "speaks-on-standard-output",
    /// Hands its socket down to what it starts.
    LeavesTheSocketAtStandardInput = "leaves-the-socket-at-standard-input",
}
