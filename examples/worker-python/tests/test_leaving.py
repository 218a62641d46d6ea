"""However a worker's time ends, its process ends too, and in the way that the protocol says."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import unittest

from support import CONFORMANCE, HANG, HERE, Host, WorkerTest, request, start_job

from greenroom_worker.messages import (
    HOST_GONE,
    CancelJob,
    Exiting,
    JobAccepted,
    JobFinished,
    JobOutput,
    Ping,
    Shutdown,
    ShuttingDown,
)


class AfterShutdown(WorkerTest):
    def begun(self, name: str, data: bytes = b"", *program: object) -> Host:
        host = self.enterContext(Host(*map(str, program)))
        host.initialize()
        host.send(start_job(1, name), data)
        host.expect(JobAccepted)
        self.assertEqual(host.expect(JobOutput)[1], b"begun")
        return host

    def left(self, host: Host) -> None:
        host.expect(Exiting)
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 0)

    def test_an_idle_worker_leaves(self) -> None:
        host = self.ready()
        self.assertEqual(host.shut_down().jobs, 0)
        self.left(host)

    def test_at_once(self) -> None:
        host = self.ready()
        host.shut_down(grace_ms=0)
        self.left(host)

    def test_a_job_is_told_the_reason_and_may_end_well(self) -> None:
        host = self.begun("until_shutdown", b"", HERE / "workers" / "notices.py")
        self.assertEqual(host.shut_down(reason=2).jobs, 1)
        finished, output = host.expect(JobFinished)
        self.assertEqual(finished, JobFinished(1, False, None))
        self.assertEqual(output, b"shutdown for reason 2")
        self.left(host)
        self.assertEqual(host.stdout(), "shutdown 2\n")

    def test_a_job_that_waits_ends_as_cancelled(self) -> None:
        host = self.begun("conformance.wait")
        host.shut_down()
        self.assertTrue(host.expect(JobFinished)[0].cancelled)
        self.left(host)

    def test_a_job_that_is_deaf_is_reported_as_cancelled(self) -> None:
        host = self.begun("conformance.deaf")
        host.send(CancelJob(1, 1))
        host.shut_down(grace_ms=600)
        self.assertTrue(host.expect(JobFinished)[0].cancelled)
        self.left(host)

    def test_a_job_that_blocks_is_acknowledged_and_reported(self) -> None:
        host = self.begun("conformance.block", b"3600000")
        self.assertEqual(host.shut_down(grace_ms=600).jobs, 1)
        self.assertTrue(host.expect(JobFinished)[0].cancelled)
        self.left(host)

    def test_a_second_shutdown_can_shorten_the_time(self) -> None:
        host = self.begun("conformance.deaf")
        host.shut_down(grace_ms=3_600_000)
        host.send(Shutdown(1, 100))
        host.expect(ShuttingDown)
        host.expect(JobFinished)
        self.left(host)

    def test_a_host_that_reads_nothing_does_not_keep_it(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.produce"), b"1000000")
        host.send(Shutdown(1, 400))
        self.assertEqual(host.exit_code(), 75)


class AfterTheEnd(WorkerTest):
    def test_before_the_request(self) -> None:
        host = self.enterContext(Host())
        host.socket.close()
        self.assertEqual(host.exit_code(), 69)

    def test_during_the_preparation(self) -> None:
        host = self.enterContext(Host())
        host.send(request(), b"wait")
        host.socket.close()
        self.assertEqual(host.exit_code(), 69)

    def test_idle_and_the_handler_is_told(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        host.initialize()
        host.socket.close()
        self.assertEqual(host.exit_code(), 69)
        self.assertEqual(host.stdout(), f"shutdown {HOST_GONE}\n")

    def test_with_a_handler_that_blocks_or_is_deaf(self) -> None:
        for name, data in (("block", b"3600000"), ("deaf", b""), ("wait", b"")):
            with self.subTest(name):
                host = self.ready()
                host.send(start_job(1, f"conformance.{name}"), data)
                host.expect(JobAccepted)
                host.expect(JobOutput)
                host.socket.close()
                self.assertEqual(host.exit_code(), 69)

    def test_what_it_has_started_ends_with_it_in_a_group_of_its_own(self) -> None:
        reader, writer = os.pipe()
        with open(reader, "rb") as output:
            host = self.enterContext(Host(own_group=True, stdout=writer))
            os.close(writer)
            host.initialize()
            host.run_job("conformance.grandchild")
            host.send(start_job(2, "conformance.block"), b"3600000")
            host.expect(JobAccepted)
            host.expect(JobOutput)
            host.socket.close()
            self.assertEqual(host.exit_code(), -signal.SIGKILL)
            # The grandchild has the writing end too: an end to read means that it is gone.
            self.assertTrue(select.select([output], [], [], HANG)[0])
            self.assertEqual(output.read(), b"")

    def test_the_group_ends_with_a_worker_that_leaves_by_itself(self) -> None:
        reader, writer = os.pipe()
        with open(reader, "rb") as output:
            program = HERE / "workers" / "parent.py"
            host = self.enterContext(Host(program, own_group=True, stdout=writer))
            os.close(writer)
            host.initialize()
            host.run_job("start")
            host.socket.close()
            self.assertEqual(host.exit_code(), -signal.SIGKILL)
            self.assertTrue(select.select([output], [], [], HANG)[0])
            self.assertEqual(output.read(), b"shutdown\natexit\n")

    def test_a_group_that_it_does_not_lead_lives_on(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "parent.py"))
        host.initialize()
        child = int(host.run_job("start")[1])
        host.socket.close()
        self.assertEqual(host.exit_code(), 69)
        os.kill(child, signal.SIGKILL)

    def test_with_unread_input(self) -> None:
        host = self.ready()
        for seq in range(2000):
            host.send(Ping(seq))
        host.socket.close()
        self.assertEqual(host.exit_code(), 69)

    def test_inside_a_frame(self) -> None:
        host = self.ready()
        host.socket.sendall(b"\x03\x00\x00\x00\x03")
        host.socket.shutdown(socket.SHUT_WR)
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 76)
        self.assertIn("GR-2.3-2", host.stderr())

    def test_a_violation_ends_it_even_if_its_handler_blocks(self) -> None:
        host = self.ready()
        host.send(start_job(1, "conformance.block"), b"3600000")
        host.expect(JobAccepted)
        host.expect(JobOutput)
        host.send(start_job(1, "conformance.echo"))
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 76)
        self.assertIn("GR-5.4-7", host.stderr())


class ByHand(unittest.TestCase):
    def run_by_hand(self, environment: dict[str, str]) -> None:
        ended = subprocess.run(
            [sys.executable, str(CONFORMANCE)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG,
            env=environment,
            check=False,
        )
        self.assertEqual(ended.returncode, 64)
        self.assertIn("greenroom map --worker", ended.stderr)

    def test_without_a_host(self) -> None:
        self.run_by_hand({})

    def test_without_a_socket(self) -> None:
        self.run_by_hand({"GREENROOM_WORKER": "1"})


if __name__ == "__main__":
    unittest.main()
