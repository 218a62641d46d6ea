"""Rows of a CSV file, with every fault named by its line. Nothing is guessed or mended."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO

LINE_MAX = 1 << 20
DELIMITERS = ",;\t|"


class NotCsv(Exception):
    """What is wrong with the file, and in which line."""


class Table:
    """`header` is read at once; iterate for the rows. Empty lines are passed over."""

    def __init__(self, source: IO[bytes]) -> None:
        lines = decoded(source)
        first = next(lines, "")
        if not first.strip():
            raise NotCsv("line 1 is empty: there is no header")
        self.delimiter = max(DELIMITERS, key=first.count)
        self.reader = csv.reader(chain(first, lines), delimiter=self.delimiter, strict=True)
        self.header = self.next_row() or []
        repeated = {name for name in self.header if self.header.count(name) > 1}
        if repeated:
            raise NotCsv(f"the header has {min(repeated)!r} more than once")

    def __iter__(self) -> Iterator[list[str]]:
        while (row := self.next_row()) is not None:
            if not row:
                continue
            if len(row) != len(self.header):
                fields = f"{len(row)} fields, the header has {len(self.header)}"
                raise NotCsv(f"line {self.reader.line_num} has {fields}")
            yield row

    def next_row(self) -> list[str] | None:
        try:
            return next(self.reader, None)
        except csv.Error as error:
            raise NotCsv(f"line {self.reader.line_num}: {error}") from None


def decoded(source: IO[bytes]) -> Iterator[str]:
    """Lines of UTF-8, each decoded by itself so that a fault has a line."""
    number = 0
    while line := source.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX:
            raise NotCsv(f"line {number} has more than {LINE_MAX} bytes")
        if b"\0" in line:
            raise NotCsv(f"line {number} holds a zero byte: this is no text")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            what = f"{line[error.start]:#04x} at byte {error.start + 1}"
            raise NotCsv(f"line {number} is not UTF-8: {what}") from None


def chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
