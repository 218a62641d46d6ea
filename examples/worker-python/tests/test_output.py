"""Output stays in the window of the host, however much there is (section 5.5)."""

from __future__ import annotations

import unittest

from support import HERE, Host, WorkerTest, start_job

from greenroom_worker.messages import (
    JobAccepted,
    JobFinished,
    JobInput,
    JobOutput,
    JobWindow,
    Limits,
    Ping,
    Pong,
)

WINDOW = 65_536
SILENT_PONGS = 5
LEAST = Limits(65_536, 1 << 20, WINDOW)
MORE_INPUT = JobInput(2, last=False)


def pattern(size: int) -> bytes:
    return bytes(index % 251 for index in range(size))


class Window(WorkerTest):
    def pieces_until_full(self, host: Host) -> list[int]:
        """Pongs show that nothing more comes: the handler's place is free, and it is silent."""
        sizes: list[int] = []
        silent = 0
        while silent < SILENT_PONGS:
            host.send(Ping(0))
            silent += 1
            while not isinstance((received := host.receive() or (None, b""))[0], Pong):
                self.assertIsInstance(received[0], JobOutput)
                sizes.append(len(received[1]))
                silent = 0
        return sizes

    def test_a_small_piece_costs_64(self) -> None:
        host = self.ready(limits=LEAST)
        host.send(start_job(1, "conformance.produce", {"piece": "1"}), b"5000")
        host.expect(JobAccepted)
        self.assertEqual(self.pieces_until_full(host), [1] * (WINDOW // 64))
        host.send(JobWindow(1, 127))
        self.assertEqual(self.pieces_until_full(host), [1])
        host.send(JobWindow(1, 1))
        self.assertEqual(self.pieces_until_full(host), [1])

    def test_all_of_it_comes_when_the_host_gives_back_what_it_takes(self) -> None:
        host = self.ready(limits=LEAST)
        host.send(start_job(1, "conformance.produce", {"piece": "10000"}), b"1000000")
        host.expect(JobAccepted)
        output, under_way = b"", 0
        while True:
            received = host.receive()
            assert received is not None
            message, data = received
            output += data
            if isinstance(message, JobFinished):
                break
            under_way += max(len(data), 64)
            self.assertLessEqual(under_way, WINDOW)
            # In portions of half a window, as a host may.
            if under_way > WINDOW // 2:
                host.send(JobWindow(1, under_way))
                under_way = 0
        self.assertEqual(output, pattern(1_000_000))

    def test_a_piece_as_large_as_the_window_needs_no_whole_window(self) -> None:
        host = self.ready(limits=LEAST)
        host.send(start_job(1, "conformance.produce", {"piece": "60000"}), b"120000")
        host.expect(JobAccepted)
        self.assertEqual(self.pieces_until_full(host), [60_000])
        host.send(JobWindow(1, WINDOW // 2))
        [size] = self.pieces_until_full(host)
        self.assertGreaterEqual(size, WINDOW // 2)

    def test_a_result_that_is_too_long_for_one_frame(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        host.initialize()
        finished, output = host.run_job("large")
        self.assertIsNone(finished.failure)
        self.assertEqual(len(output), 300_000)

    def test_a_host_that_does_not_read_does_not_stop_the_worker_from_reading(self) -> None:
        host = self.ready(b"slots 2", limits=Limits(1 << 20, 1 << 26, 1 << 20))
        host.send(start_job(1, "conformance.produce", {"piece": "200000"}), b"1000000")
        # Far more than a socket holds: this returns only if the worker reads it.
        half = bytes(1 << 17)
        host.send(start_job(2, "conformance.echo")._replace(last=False), half)
        for _ in range(60):
            host.send(MORE_INPUT, half)
        host.send(MORE_INPUT._replace(last=True), b"")
        finished: set[int] = set()
        while finished != {1, 2}:
            received = host.receive()
            assert received is not None
            message, data = received
            if isinstance(message, JobOutput):
                host.send(JobWindow(message.job, max(len(data), 64)))
            elif isinstance(message, JobFinished):
                finished.add(message.job)


if __name__ == "__main__":
    unittest.main()
