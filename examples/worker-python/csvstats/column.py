"""The statistics of one column, gathered value by value."""

from __future__ import annotations

import math
import statistics
from array import array

MISSING = frozenset(("", "NA", "N/A", "NaN", "nan", "null", "NULL"))

VALUES_MAX = 1_000_000
"""Quantiles need the values themselves, 8 bytes each; for more of them there are none."""

DISTINCT_MAX = 10_000
"""Texts that are counted. A text that first comes after so many others is not."""

MOST_COMMON = 5


class Column:
    """Is of numbers as long as each value is one, and of text from the first that is none."""

    def __init__(self) -> None:
        self.count = 0
        self.missing = 0
        self.numbers: Numbers | None = Numbers()
        self.texts: dict[str, int] = {}

    def add(self, text: str) -> None:
        text = text.strip()
        if text in MISSING:
            self.missing += 1
            return
        self.count += 1
        if text in self.texts or len(self.texts) < DISTINCT_MAX:
            self.texts[text] = self.texts.get(text, 0) + 1
        if self.numbers is not None:
            number = number_of(text)
            if number is None:
                self.numbers = None
            else:
                self.numbers.add(number)

    def summary(self) -> dict[str, object]:
        known: dict[str, object] = {"count": self.count, "missing": self.missing}
        if self.count == 0:
            return {"kind": "empty", **known}
        if self.numbers is not None:
            return {"kind": "number", **known, **self.numbers.summary()}
        common = sorted(self.texts.items(), key=lambda item: (-item[1], item[0]))[:MOST_COMMON]
        return {
            "kind": "text",
            **known,
            "distinct": len(self.texts),
            "distinct_is_exact": len(self.texts) < DISTINCT_MAX,
            "most_common": [{"value": value, "count": count} for value, count in common],
        }


class Numbers:
    """Mean and deviation by Welford's method, which one pass and no second look suffice for."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0
        self.least = math.inf
        self.most = -math.inf
        self.values = array("d")

    def add(self, value: float) -> None:
        self.count += 1
        before = value - self.mean
        self.mean += before / self.count
        self.squares += before * (value - self.mean)
        self.least = min(self.least, value)
        self.most = max(self.most, value)
        if self.count <= VALUES_MAX:
            self.values.append(value)

    def summary(self) -> dict[str, object]:
        return {
            "min": self.least,
            "max": self.most,
            "mean": self.mean,
            "stdev": math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else None,
            "quartiles": self.quartiles(),
        }

    def quartiles(self) -> list[float] | None:
        """None if there are too few values, or more than are kept."""
        if not 2 <= self.count <= VALUES_MAX:
            return None
        return statistics.quantiles(self.values, n=4, method="inclusive")


def number_of(text: str) -> float | None:
    # Python's own forms, `1_000` and `inf`, are no numbers in a table.
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
