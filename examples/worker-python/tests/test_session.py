"""What the host must not do is found, and named by its requirement."""

from __future__ import annotations

import unittest

from support import request, start_job

from greenroom_worker import agreement
from greenroom_worker.frames import frame
from greenroom_worker.messages import (
    CallRequest,
    CallResponse,
    CancelJob,
    DumpStacks,
    Extension,
    FromHost,
    InitializeResponse,
    JobAccepted,
    JobFinished,
    JobInput,
    JobOutput,
    JobWindow,
    Limits,
    Ping,
    Shutdown,
    ShuttingDown,
)
from greenroom_worker.session import Event, Heard, Reply, Session, Started
from greenroom_worker.violation import Violation

LEAST = Limits(65_536, 10, 65_536)


def told(session: Session, message: FromHost, data: bytes = b"") -> list[Event]:
    return list(session.receive(frame(message, data, agreement.FRAME_RANGE[1])))


def response(slots: int = 1, capabilities: int = 1) -> InitializeResponse:
    return InitializeResponse(
        None, 1, capabilities, agreement.OWN_LIMITS, slots, "w", "", "", "", 1, ()
    )


def ready(slots: int = 1, capabilities: int = 1) -> Session:
    session = Session()
    told(session, request(limits=LEAST))
    session.send(response(slots, capabilities))
    return session


class Violations(unittest.TestCase):
    def refuses(
        self, requirement: str, session: Session, message: FromHost, data: bytes = b""
    ) -> None:
        with self.assertRaises(Violation) as caught:
            told(session, message, data)
        self.assertEqual(caught.exception.requirement, requirement)

    def test_anything_before_the_request(self) -> None:
        self.refuses("GR-4.1-2", Session(), Ping(1))
        self.refuses("GR-4.1-2", Session(), Shutdown(1, 0))

    def test_a_second_request(self) -> None:
        self.refuses("GR-4.1-2", ready(), request())

    def test_anything_but_shutdown_before_the_response(self) -> None:
        for message in (Ping(1), start_job(1, ""), DumpStacks(), CancelJob(1, 1)):
            session = Session()
            told(session, request())
            self.refuses("GR-4.1-3", session, message)
        session = Session()
        told(session, request())
        self.assertEqual(told(session, Shutdown(1, 5))[0], Reply(ShuttingDown(0)))

    def test_limits_out_of_range(self) -> None:
        self.refuses("GR-4.3-1", Session(), request(limits=Limits(65_535, 0, 65_536)))

    def test_an_extension_twice(self) -> None:
        twice = (Extension(1, b""), Extension(1, b"x"))
        self.refuses("GR-4.5-2", Session(), request(extensions=twice))

    def test_limits_of_another_version_are_not_judged(self) -> None:
        strange = request(protocol_min=2, protocol_max=3, limits=Limits(0, 0, 0))
        self.assertIsInstance(told(Session(), strange)[0], Heard)

    def test_more_jobs_than_slots(self) -> None:
        session = ready(slots=2)
        told(session, start_job(1, ""))
        told(session, start_job(2, ""))
        self.refuses("GR-5.4-6", session, start_job(3, ""))

    def test_a_job_number_twice(self) -> None:
        session = ready(slots=2)
        told(session, start_job(1, ""))
        self.refuses("GR-5.4-7", session, start_job(1, ""))
        session = ready()
        told(session, start_job(1, ""))
        session.send(JobFinished(1, False, None))
        self.refuses("GR-5.4-7", session, start_job(1, ""))

    def test_a_job_after_shutdown(self) -> None:
        session = ready()
        told(session, Shutdown(1, 1000))
        self.refuses("GR-5.3-3", session, start_job(1, ""))

    def test_input_after_the_last(self) -> None:
        session = ready()
        told(session, start_job(1, ""))
        self.refuses("GR-5.4-8", session, JobInput(1, True))

    def test_more_input_than_agreed(self) -> None:
        self.refuses("GR-5.4-9", ready(), start_job(1, ""), b"x" * 11)
        session = ready()
        told(session, start_job(1, "")._replace(last=False), b"x" * 6)
        self.refuses("GR-5.4-9", session, JobInput(1, False), b"x" * 5)

    def test_an_answer_that_nobody_waits_for(self) -> None:
        self.refuses("GR-5.6-2", ready(), CallResponse(1, None))
        session = ready()
        session.send(CallRequest(1, "m"))
        told(session, CallResponse(1, None))
        self.refuses("GR-5.6-2", session, CallResponse(1, None))

    def test_stacks_without_the_capability(self) -> None:
        self.refuses("GR-5.9-1", ready(capabilities=0), DumpStacks())

    def test_a_frame_over_the_agreed_limit(self) -> None:
        session = ready()
        head = (65_537).to_bytes(4, "little")
        with self.assertRaises(Violation) as caught:
            list(session.receive(head))
        self.assertEqual(caught.exception.requirement, "GR-2.2-1")


class Jobs(unittest.TestCase):
    def test_input_is_put_together(self) -> None:
        session = ready()
        start = start_job(1, "n")._replace(last=False)
        self.assertEqual(told(session, start, b"a"), [])
        self.assertEqual(told(session, JobWindow(1, 5)), [])
        self.assertEqual(told(session, JobInput(1, False), b"b"), [])
        self.assertEqual(
            told(session, JobInput(1, True), b"c"), [Started(start, b"abc", 65_536 + 5)]
        )

    def test_a_cancel_before_the_last_input_ends_the_job(self) -> None:
        session = ready()
        told(session, start_job(1, "n")._replace(last=False))
        finished = JobFinished(1, True, None)
        self.assertEqual(told(session, CancelJob(1, 1)), [Reply(finished)])
        session.send(finished)
        self.assertEqual(told(session, JobInput(1, True)), [])

    def test_what_crosses_the_end_of_a_job_is_ignored(self) -> None:
        session = ready()
        told(session, start_job(1, "n"))
        session.send(JobFinished(1, False, None))
        for message in (JobInput(1, True), CancelJob(1, 1), JobWindow(1, 1)):
            self.assertEqual(told(session, message), [])

    def test_nothing_is_said_of_a_job_that_does_not_run(self) -> None:
        session = ready()
        told(session, start_job(1, "n"))
        self.assertNotEqual(session.send(JobFinished(1, False, None)), b"")
        for message in (JobAccepted(1), JobOutput(1), JobFinished(1, True, None)):
            self.assertEqual(session.send(message), b"")


if __name__ == "__main__":
    unittest.main()
