"""Log records are JSON lines on standard error, as many as the host asks for (section 6)."""

from __future__ import annotations

import json
import logging
import unittest

from support import WorkerTest

from greenroom_worker.logs import OFF, TRACE, Filter, line_of


class Filters(unittest.TestCase):
    def level(self, text: str, target: str) -> int:
        return Filter(text).level_for(target)

    def test_a_level_for_all(self) -> None:
        self.assertEqual(self.level("debug", "any"), logging.DEBUG)
        self.assertEqual(self.level("WARN", "any"), logging.WARNING)
        self.assertEqual(self.level("", "any"), logging.INFO)

    def test_the_longest_target_decides(self) -> None:
        text = "warn,a=debug,a.b=trace,c::d=off"
        self.assertEqual(self.level(text, "a"), logging.DEBUG)
        self.assertEqual(self.level(text, "a.x"), logging.DEBUG)
        self.assertEqual(self.level(text, "a.b.c"), TRACE)
        self.assertEqual(self.level(text, "ab"), logging.WARNING)
        self.assertEqual(self.level(text, "c.d"), OFF)

    def test_only_targets_and_what_is_not_understood(self) -> None:
        self.assertEqual(self.level("a=info", "b"), OFF)
        self.assertEqual(self.level("a[span]=info,warn", "b"), logging.WARNING)
        self.assertEqual(Filter("warn,a=debug").least(), logging.DEBUG)


class Records(WorkerTest):
    def test_a_record_has_the_keys_of_the_text(self) -> None:
        record = logging.makeLogRecord(
            {"name": "t", "levelno": logging.WARNING, "msg": "a\nb %s", "args": ("é",), "n": 1}
        )
        line = line_of(record)
        self.assertEqual(line.count(b"\n"), 1)
        written = json.loads(line)
        elapsed = written.pop("elapsed_us")
        self.assertIsInstance(elapsed, int)
        self.assertEqual(
            written, {"level": "WARN", "target": "t", "message": "a\nb é", "fields": {"n": 1}}
        )

    def test_a_worker_logs_to_standard_error(self) -> None:
        host = self.ready()
        host.run_job("conformance.log", b"hello")
        [record] = [json.loads(line) for line in host.stderr().splitlines()]
        self.assertEqual(
            (record["level"], record["target"], record["message"], record["span"]),
            ("INFO", "conformance", "hello", "job"),
        )
        self.assertEqual(host.stdout(), "hello\n")

    def test_the_host_decides_how_much(self) -> None:
        host = self.ready(log_filter="error")
        host.run_job("conformance.log", b"hello")
        self.assertEqual(host.stderr(), "")


if __name__ == "__main__":
    unittest.main()
