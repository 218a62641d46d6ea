"""From the first byte to a worker that is ready, or says why it is not."""

from __future__ import annotations

import os
import sys
import unittest

from support import HERE, Host, WorkerTest, request

from greenroom_worker import agreement
from greenroom_worker.frames import frame
from greenroom_worker.messages import (
    CODE_FAILED,
    CODE_VERSION,
    DEADLINE_INITIALIZE,
    Exiting,
    ExtendDeadline,
    InitializeResponse,
    Ping,
    Pong,
)


class Handshake(WorkerTest):
    def test_a_worker_says_who_it_is(self) -> None:
        host = self.enterContext(Host(HERE / "workers" / "notices.py"))
        response = host.initialize()
        self.assertIsNone(response.error)
        self.assertEqual((response.protocol, response.slots), (1, 4))
        self.assertEqual((response.name, response.version), ("notices", "3"))
        self.assertEqual(response.pid, host.process.pid)
        self.assertEqual(response.limits, agreement.OWN_LIMITS)

    def test_a_request_that_comes_byte_by_byte(self) -> None:
        host = self.enterContext(Host())
        for byte in frame(request(), b"", 65_536):
            host.socket.sendall(bytes((byte,)))
        self.assertIsNone(host.expect(InitializeResponse)[0].error)

    def test_a_preparation_that_fails(self) -> None:
        host = self.enterContext(Host())
        error = host.initialize(b"fail no licence").error
        assert error is not None
        self.assertEqual((error.code, error.message), (CODE_FAILED, "no licence"))
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 1)

    def test_slots_out_of_range_are_a_failed_preparation(self) -> None:
        host = self.enterContext(Host())
        error = host.initialize(b"slots 0").error
        assert error is not None
        self.assertEqual(error.code, CODE_FAILED)
        self.assertIn("slots = 0", error.message)

    def test_no_common_version(self) -> None:
        host = self.enterContext(Host())
        response = host.initialize(protocol_min=2, protocol_max=9)
        assert response.error is not None
        self.assertEqual((response.error.code, response.protocol), (CODE_VERSION, 1))
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 1)

    def test_more_time_to_prepare(self) -> None:
        host = self.enterContext(Host())
        host.send(request(), b"extend 1234")
        self.assertEqual(
            host.expect(ExtendDeadline)[0], ExtendDeadline(DEADLINE_INITIALIZE, 0, 1234)
        )
        host.expect(InitializeResponse)

    def test_shutdown_during_the_preparation(self) -> None:
        host = self.enterContext(Host())
        host.send(request(), b"wait")
        self.assertEqual(host.shut_down().jobs, 0)
        host.expect(Exiting)
        self.assertIsNone(host.receive())
        self.assertEqual(host.exit_code(), 0)

    def test_pings_are_answered_in_order(self) -> None:
        host = self.ready()
        for seq in (5, 6, 1 << 63):
            host.send(Ping(seq))
        self.assertEqual([host.expect(Pong)[0].seq for _ in range(3)], [5, 6, 1 << 63])

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_standard_input_is_not_the_socket_any_more(self) -> None:
        host = self.ready()
        self.assertEqual(os.readlink(f"/proc/{host.process.pid}/fd/0"), os.devnull)


if __name__ == "__main__":
    unittest.main()
