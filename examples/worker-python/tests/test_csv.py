"""The CSV worker over real files, and over files that are none."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import unittest
from io import BytesIO
from typing import Any

from support import FOLDER, Host

from csvstats.column import Column
from csvstats.reading import NotCsv, Table
from greenroom_worker.messages import KIND_INVALID_INPUT

DATA = FOLDER / "data"


class RealFiles(unittest.TestCase):
    def setUp(self) -> None:
        self.host = self.enterContext(Host(FOLDER / "csv_stats.py"))
        self.host.initialize()

    def summary(self, data: bytes, job: int = 1) -> dict[str, Any]:
        finished, output = self.host.run_job("", data, job=job)
        self.assertIsNone(finished.failure)
        result: dict[str, Any] = json.loads(output)
        return result

    def refusal(self, data: bytes) -> str:
        failure = self.host.run_job("", data)[0].failure
        assert failure is not None
        self.assertEqual(failure.kind, KIND_INVALID_INPUT)
        return failure.message

    def test_numbers_and_missing_values(self) -> None:
        path = DATA / "co2.csv"
        column = self.summary(str(path).encode())["columns"]["co2"]
        texts = [line.split(",")[1] for line in path.read_text().split()[1:]]
        values = [float(text) for text in texts if text]
        self.assertEqual((column["count"], column["missing"]), (len(values), 59))
        self.assertEqual((column["min"], column["max"]), (min(values), max(values)))
        self.assertAlmostEqual(column["mean"], statistics.fmean(values))
        self.assertAlmostEqual(column["stdev"], statistics.stdev(values))
        expected = statistics.quantiles(values, n=4, method="inclusive")
        self.assertEqual(column["quartiles"], expected)

    def test_text(self) -> None:
        result = self.summary(str(DATA / "statecrime.csv").encode())
        self.assertEqual(result["rows"], 51)
        self.assertEqual(result["columns"]["state"]["kind"], "text")
        self.assertEqual(result["columns"]["state"]["distinct"], 51)

    def test_the_csv_itself_as_input(self) -> None:
        whole = (DATA / "elnino.csv").read_bytes()
        by_path = self.summary(str(DATA / "elnino.csv").encode())
        self.assertEqual(self.summary(whole, job=2), by_path)
        self.assertEqual(len(by_path["columns"]), 13)

    def test_a_missing_file(self) -> None:
        self.assertEqual(self.refusal(b"no/such.csv"), "no/such.csv: No such file or directory")

    def test_what_is_no_regular_file_is_not_opened(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            self.assertEqual(self.refusal(fifo.encode()), f"{fifo}: not a regular file")

    def test_a_row_that_lost_a_comma(self) -> None:
        message = self.refusal(str(DATA / "broken" / "ragged.csv").encode())
        self.assertRegex(message, r"ragged\.csv: line 7 has 7 fields, the header has 8$")

    def test_another_encoding(self) -> None:
        message = self.refusal(str(DATA / "broken" / "latin-1.csv").encode())
        self.assertRegex(message, r"latin-1\.csv: line 1 is not UTF-8: 0xf1 at byte 11$")


class Reading(unittest.TestCase):
    def rows(self, text: bytes) -> list[list[str]]:
        return list(Table(BytesIO(text)))

    def test_other_delimiters_quotes_and_a_byte_order_mark(self) -> None:
        table = Table(BytesIO(b'\xef\xbb\xbfa;"b"\r\n1;"x;\ny"\r\n\r\n'))
        self.assertEqual((table.header, table.delimiter), (["a", "b"], ";"))
        self.assertEqual(list(table), [["1", "x;\ny"]])

    def test_what_is_no_csv(self) -> None:
        for text, message in (
            (b"", "line 1 is empty: there is no header"),
            (b"a,a\n", "the header has 'a' more than once"),
            (b"a,b\n1,2\n3,\x00\n", "line 3 holds a zero byte: this is no text"),
            (b'a,b\n1,"2\n', "line 2: unexpected end of data"),
            (b"x" * (1 << 21), "line 1 has more than 1048576 bytes"),
        ):
            with self.subTest(message), self.assertRaises(NotCsv) as caught:
                self.rows(text)
            self.assertEqual(str(caught.exception), message)


class Columns(unittest.TestCase):
    def summary(self, *values: str) -> dict[str, object]:
        column = Column()
        for value in values:
            column.add(value)
        return column.summary()

    def test_one_text_makes_a_column_of_text(self) -> None:
        summary = self.summary("1", "2", "two", "2", "")
        self.assertEqual((summary["kind"], summary["count"], summary["missing"]), ("text", 4, 1))
        self.assertEqual(
            summary["most_common"],
            [
                {"value": "2", "count": 2},
                {"value": "1", "count": 1},
                {"value": "two", "count": 1},
            ],
        )

    def test_what_python_takes_for_a_number_and_a_table_does_not(self) -> None:
        for text in ("1_000", "inf", "0x10"):
            self.assertEqual(self.summary(text)["kind"], "text", text)

    def test_one_number_and_none(self) -> None:
        self.assertEqual(self.summary("3")["stdev"], None)
        self.assertEqual(self.summary("", "NA"), {"kind": "empty", "count": 0, "missing": 2})


if __name__ == "__main__":
    unittest.main()
