"""Jobs of a real worker process: outcome, cancel, calls, more than one at a time."""

from __future__ import annotations

import unittest

from support import HERE, Host, WorkerTest, start_job

from greenroom_worker.messages import (
    CANCEL_DEADLINE,
    DEADLINE_JOB,
    KIND_ERROR,
    KIND_INVALID_INPUT,
    KIND_PANIC,
    KIND_REJECTED,
    CallRequest,
    CallResponse,
    CancelJob,
    DumpStacks,
    Exiting,
    ExtendDeadline,
    JobAccepted,
    JobFailure,
    JobFinished,
    JobInput,
    JobOutput,
    Ping,
    Pong,
    Retire,
    StackDump,
)


class Outcomes(WorkerTest):
    def test_output_is_what_the_handler_returns(self) -> None:
        host = self.ready()
        self.assertEqual(
            host.run_job("conformance.echo", b"\x00\xff"),
            (JobFinished(1, False, None), b"\x00\xff"),
        )

    def test_all_of_a_job_reaches_the_handler(self) -> None:
        _, output = self.ready().run_job("conformance.describe", metadata={"b": "1", "a": "é"})
        self.assertEqual(
            output.decode(),
            "id=id-1\nname=conformance.describe\nattempt=1\ntraceparent=\ndeadline_ms=0\n"
            "meta.b=1\nmeta.a=é\n",
        )

    def test_a_failure_that_the_handler_foresaw(self) -> None:
        finished, _ = self.ready().run_job("conformance.fail", b"no", {"retryable": "true"})
        self.assertEqual(finished.failure, JobFailure(KIND_ERROR, "no", True))

    def test_wrong_input(self) -> None:
        finished, _ = self.ready().run_job("conformance.block", b"soon")
        assert finished.failure is not None
        self.assertEqual(finished.failure.kind, KIND_INVALID_INPUT)

    def test_an_uncaught_exception_is_a_panic_with_its_place_and_the_worker_goes_on(self) -> None:
        host = self.ready()
        finished, _ = host.run_job("conformance.crash", b"oh no")
        assert finished.failure is not None
        self.assertEqual(finished.failure.kind, KIND_PANIC)
        self.assertRegex(
            finished.failure.message, r"^RuntimeError: oh no \(conformance_worker\.py:\d+\)$"
        )
        self.assertEqual(host.run_job("conformance.echo", b"x", job=2)[1], b"x")

    def test_other_ways_out_of_a_handler_are_panics_too(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        host.initialize()
        ways = ("own_cancel", "leave", "interrupted", "wrong_type", "no_such")
        for job, name in enumerate(ways, start=1):
            finished, _ = host.run_job(name, job=job)
            assert finished.failure is not None, name
            self.assertEqual(finished.failure.kind, KIND_PANIC, name)

    def test_a_panic_names_the_place(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        host.initialize()
        failure = host.run_job("interrupted")[0].failure
        assert failure is not None
        said = r"^RuntimeError: the handler raised KeyboardInterrupt\(\) \(notices\.py:\d+\)$"
        self.assertRegex(failure.message, said)

    def test_a_job_is_accepted_before_a_handler_that_kills_the_process(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.exit"), b"7")
        host.expect(JobAccepted)
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 7)

    def test_input_in_pieces(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.echo")._replace(last=False), b"a")
        host.send(JobInput(1, False), b"b")
        host.send(JobInput(1, True), b"c")
        host.expect(JobAccepted)
        self.assertEqual(host.expect(JobFinished)[1], b"abc")

    def test_more_time_and_retirement_are_asked_for(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.extend"), b"250")
        host.expect(JobAccepted)
        self.assertEqual(host.expect(ExtendDeadline)[0], ExtendDeadline(DEADLINE_JOB, 1, 250))
        host.expect(JobFinished)
        host.send(start_job(2, "conformance.retire"), b"leaking")
        host.expect(JobAccepted)
        self.assertEqual(host.expect(Retire)[0].reason, "leaking")


class Cancels(WorkerTest):
    def waiting(self, name: str) -> Host:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        host.initialize()
        host.send(start_job(1, name))
        host.expect(JobAccepted)
        host.expect(JobOutput)
        return host

    def test_a_handler_that_waits_is_cancelled(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.wait"))
        host.expect(JobAccepted)
        self.assertEqual(host.expect(JobOutput)[1], b"begun")
        host.send(CancelJob(1, 1))
        host.send(CancelJob(1, 1))
        self.assertEqual(host.expect(JobFinished)[0], JobFinished(1, True, None))
        self.assertEqual(host.run_job("conformance.echo", b"x", job=2)[1], b"x")

    def test_a_handler_may_end_in_its_own_way(self) -> None:
        host = self.waiting("after_cancel")
        host.send(CancelJob(1, CANCEL_DEADLINE))
        finished, output = host.expect(JobFinished)
        self.assertEqual(finished, JobFinished(1, False, None))
        self.assertEqual(output, b"cancelled for reason 2")

    def test_pings_are_answered_while_a_thread_works(self) -> None:
        host = self.waiting("in_thread")
        host.send(Ping(1))
        self.assertEqual(host.expect(Pong)[0].jobs, 1)
        host.send(CancelJob(1, 1))
        self.assertTrue(host.expect(JobFinished)[0].cancelled)

    def test_a_cancel_right_behind_the_start(self) -> None:
        host = self.ready()
        for job in range(1, 21):
            host.send(start_job(job, "conformance.wait"))
            host.send(CancelJob(job, 1))
            while True:
                received = host.receive()
                assert received is not None
                if isinstance(received[0], JobFinished):
                    break
            self.assertEqual(received[0], JobFinished(job, True, None))


class Calls(WorkerTest):
    def test_a_call_and_its_answer(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.call", {"method": "m"}), b"question")
        host.expect(JobAccepted)
        call, data = host.expect(CallRequest)
        self.assertEqual((call.method, data), ("m", b"question"))
        host.send(CallResponse(call.call, None), b"answer")
        self.assertEqual(host.expect(JobFinished)[1], b"answer")

    def test_a_refusal_that_the_handler_lets_pass_fails_the_job(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.call", {"method": "m"}))
        host.expect(JobAccepted)
        call, _ = host.expect(CallRequest)
        host.send(CallResponse(call.call, "not today"), b"ignored")
        failure = host.expect(JobFinished)[0].failure
        self.assertEqual(failure, JobFailure(KIND_ERROR, "not today", False))

    def test_many_calls_answered_backwards(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.calls"), b"50")
        host.expect(JobAccepted)
        calls = [host.expect(CallRequest) for _ in range(50)]
        numbers = [call.call for call, _ in calls]
        self.assertEqual(numbers, sorted(set(numbers)))
        for call, data in reversed(calls):
            host.send(CallResponse(call.call, None), data)
        expected = "".join(f"{index}\n" for index in range(50))
        self.assertEqual(host.expect(JobFinished)[1].decode(), expected)

    def test_an_answer_after_the_job_has_ended(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.call", {"method": "m"}))
        host.expect(JobAccepted)
        call, _ = host.expect(CallRequest)
        host.send(CancelJob(1, 1))
        self.assertTrue(host.expect(JobFinished)[0].cancelled)
        host.send(CallResponse(call.call, None), b"late")
        self.assertEqual(host.run_job("conformance.echo", b"x", job=2)[1], b"x")

    def test_a_call_that_does_not_fit_in_a_frame_raises_in_the_handler(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        host.initialize()
        failure = host.run_job("too_long_a_call")[0].failure
        assert failure is not None
        self.assertIn("TooLong", failure.message)


class BesidesJobs(WorkerTest):
    def test_several_jobs_at_a_time(self) -> None:
        host = self.ready(b"slots 3")
        for job in (1, 2, 3):
            host.send(start_job(job, "conformance.wait"))
            host.expect(JobAccepted)
            host.expect(JobOutput)
        host.send(Ping(1))
        self.assertEqual(host.expect(Pong)[0].jobs, 3)
        host.send(CancelJob(2, 1))
        self.assertEqual(host.expect(JobFinished)[0], JobFinished(2, True, None))

    def test_a_blocked_handler_answers_no_ping_but_shows_its_stack(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.block"), b"400")
        host.expect(JobAccepted)
        host.expect(JobOutput)
        host.send(Ping(1))
        host.send(DumpStacks())
        dump, _ = host.expect(StackDump)
        self.assertIn("conformance_worker.py", dump.text)
        self.assertIn("block", dump.text)
        received = [host.receive(), host.receive()]
        kinds = {type(message[0]) for message in received if message}
        self.assertEqual(kinds, {Pong, JobFinished})
        [lag] = [m[0].lag_us for m in received if m and isinstance(m[0], Pong)]
        self.assertGreater(lag, 100_000)

    def test_the_number_of_jobs_is_told_at_shutdown(self) -> None:
        host = self.ready(b"slots 2")
        host.send(start_job(1, "conformance.wait"))
        host.expect(JobAccepted)
        host.expect(JobOutput)
        host.send(start_job(2, "conformance.echo")._replace(last=False))
        self.assertEqual(host.shut_down().jobs, 2)

    def test_a_job_whose_input_is_not_complete_is_rejected_at_shutdown(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.echo")._replace(last=False), b"x")
        self.assertEqual(host.shut_down().jobs, 1)
        failure = host.expect(JobFinished)[0].failure
        assert failure is not None
        self.assertEqual(failure.kind, KIND_REJECTED)
        host.expect(Exiting)
        self.assertEqual(host.exit_code(), 0)


if __name__ == "__main__":
    unittest.main()
