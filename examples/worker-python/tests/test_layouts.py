"""`messages.py` and the registry of the specification hold the same numbers and layouts."""

from __future__ import annotations

import tomllib
import unittest
from types import UnionType
from typing import Any, get_args

from support import SPEC

from greenroom_worker import messages
from greenroom_worker.codec import NAMED, U16, U64
from greenroom_worker.messages import NUMBERS, WITH_DATA
from greenroom_worker.session import FROM_HOST

with (SPEC / "messages.toml").open("rb") as file:
    REGISTRY = tomllib.load(file)

PLAIN_NAMES: dict[Any, str] = {bool: "bool", str: "String", bytes: "bytes"}


def type_name(annotation: Any) -> str:
    if annotation in PLAIN_NAMES:
        return PLAIN_NAMES[annotation]
    if hasattr(annotation, "__metadata__"):
        return str(annotation.__metadata__[0])
    inner = get_args(annotation)
    if isinstance(annotation, UnionType):
        return f"Option<{type_name(inner[0])}>"
    if inner:
        return f"Vec<{type_name(inner[0])}>"
    return str(annotation.__name__)


def fields_of(kind: Any) -> list[dict[str, str]]:
    return [{"name": n, "type": type_name(a)} for n, a in kind.__annotations__.items()]


class Layouts(unittest.TestCase):
    def test_each_message_of_the_registry_and_no_other(self) -> None:
        ours: list[dict[str, Any]] = [
            {
                "number": number,
                "name": kind.__name__,
                "direction": "host-to-worker" if kind in FROM_HOST else "worker-to-host",
                "data": kind in WITH_DATA,
                "fields": fields_of(kind),
            }
            for kind, number in NUMBERS.items()
        ]
        theirs = [{key: m[key] for key in ours[0]} for m in REGISTRY["message"]]
        self.assertEqual(ours, theirs)

    def test_each_structure(self) -> None:
        for struct in REGISTRY["struct"]:
            self.assertEqual(fields_of(getattr(messages, struct["name"])), struct["fields"])

    def test_each_enumeration_and_bit_set_has_its_width(self) -> None:
        widths = {"u16": U16, "u64": U64}
        for named in REGISTRY["enumeration"] + REGISTRY["bitset"]:
            self.assertIs(NAMED[named["name"]], widths[named["type"]], named["name"])

    def test_each_value_has_its_number(self) -> None:
        prefixes = {
            "ShutdownReason": "",
            "CancelReason": "CANCEL_",
            "DeadlineKind": "DEADLINE_",
            "FailureKind": "KIND_",
            "InitializeCode": "CODE_",
        }
        for enumeration in REGISTRY["enumeration"]:
            for value in enumeration["values"]:
                constant = prefixes[enumeration["name"]] + value["name"].upper().replace(" ", "_")
                self.assertEqual(getattr(messages, constant), value["number"], constant)
        [bits] = REGISTRY["bitset"]
        self.assertEqual(bits["bits"], [{"bit": 0, "name": "stack dump"}])
        self.assertEqual(messages.STACK_DUMP, 1 << 0)


if __name__ == "__main__":
    unittest.main()
