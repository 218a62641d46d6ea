"""The library says and understands what the specification's vectors hold."""

from __future__ import annotations

import unittest
from typing import Any

from support import vectors

from greenroom_worker import agreement, messages
from greenroom_worker.codec import NAMED, PLAIN, Codec, decode, items, option, struct
from greenroom_worker.frames import Decoder, frame
from greenroom_worker.messages import Limits, Pair
from greenroom_worker.session import KINDS, Session
from greenroom_worker.violation import Violation
from greenroom_worker.wire import Reader

PRIMITIVES: dict[str, Codec] = {
    **NAMED,
    "bool": PLAIN[bool],
    "String": PLAIN[str],
    "bytes": PLAIN[bytes],
    "Limits": struct(Limits),
    "Option<String>": option(PLAIN[str]),
    "Vec<Pair>": items(struct(Pair)),
}
STRUCTS: dict[str, Any] = {
    "limits": Limits,
    "error": messages.InitializeError,
    "failure": messages.JobFailure,
    "extensions": messages.Extension,
    "metadata": Pair,
}


def value_of(name: str, value: Any) -> Any:
    """A vector's value as the library has it."""
    if isinstance(value, list) and (name == "content" or not name):
        return bytes(value)
    if isinstance(value, list):
        return tuple(value_of(name, item) for item in value)
    if isinstance(value, dict):
        return STRUCTS[name](*[value_of(key, item) for key, item in value.items()])
    return value


def primitive_value(kind: str, value: Any) -> Any:
    if kind == "Vec<Pair>":
        return value_of("metadata", value)
    return value_of("limits" if kind == "Limits" else "", value)


class Primitives(unittest.TestCase):
    def test_values_have_these_bytes_and_no_others(self) -> None:
        for vector in vectors("primitives"):
            with self.subTest(vector["description"]):
                read, write = PRIMITIVES[vector["type"]]
                encoded = bytes.fromhex(vector["hex"])
                reader = Reader(encoded)
                if "error" in vector:
                    self.refused(vector, read, reader)
                    continue
                value = primitive_value(vector["type"], vector["value"])
                self.assertEqual(read(reader), value)
                self.assertTrue(reader.canonical)
                self.assertEqual(reader.at, len(encoded))
                out = bytearray()
                write(out, value)
                self.assertEqual(bytes(out), encoded)

    def refused(self, vector: dict[str, Any], read: Any, reader: Reader) -> None:
        if vector["error"] == "NotCanonical":
            read(reader)
            self.assertFalse(reader.canonical)
            return
        with self.assertRaises(Violation) as caught:
            read(reader)
        self.assertEqual(caught.exception.kind, vector["error"])
        self.assertEqual(caught.exception.requirement, vector["requirement"])


class Frames(unittest.TestCase):
    def test_whole_streams_in_one_piece_and_byte_by_byte(self) -> None:
        for vector in vectors("frames"):
            stream = bytes.fromhex(vector["hex"])
            for size in (max(len(stream), 1), 1, 3):
                with self.subTest(vector["description"], piece=size):
                    self.check(vector, [stream[i : i + size] for i in range(0, len(stream), size)])

    def check(self, vector: dict[str, Any], pieces: list[bytes]) -> None:
        decoder = Decoder(vector["max_frame"])
        frames = []
        kind = requirement = None
        try:
            for piece in pieces:
                for number, body in decoder.feed(piece):
                    frames.append({"type": number, "body_hex": body.hex()})
            decoder.finish()
        except Violation as violation:
            kind, requirement = violation.kind, violation.requirement
        self.assertEqual(frames, vector["frames"])
        self.assertEqual((kind, requirement), (vector.get("error"), vector.get("requirement")))


class Messages(unittest.TestCase):
    def test_messages_have_these_frames(self) -> None:
        for vector in vectors("handshake") + vectors("messages"):
            with self.subTest(vector["description"]):
                stream = bytes.fromhex(vector["hex"])
                [(number, body)] = Decoder().feed(stream)
                if "skipped" in vector:
                    self.assertEqual(list(Session().receive(stream)), [])
                    continue
                kind = getattr(messages, vector["message"])
                self.assertIs(KINDS[number], kind)
                values = [value_of(name, value) for name, value in vector["fields"].items()]
                data = bytes.fromhex(vector.get("data_hex", ""))
                self.assertEqual(list(kind._fields), list(vector["fields"]))
                self.assertEqual(decode(kind, body), (kind(*values), data))
                self.assertEqual(frame(kind(*values), data, 65_536), stream)

    def test_malformed_streams_are_refused_with_the_requirement(self) -> None:
        seen = 0
        for vector in vectors("malformed"):
            only_a_host = vector["error"] in ("UnknownType", "WrongDirection")
            if vector["to"] == "host" and only_a_host:
                continue  # What a host knows is not this library's matter.
            seen += 1
            with self.subTest(vector["description"], to=vector["to"]):
                with self.assertRaises(Violation) as caught:
                    receive(vector["to"], bytes.fromhex(vector["hex"]))
                self.assertEqual(caught.exception.kind, vector["error"])
                self.assertEqual(caught.exception.requirement, vector["requirement"])
        self.assertGreater(seen, 80)


def receive(side: str, stream: bytes) -> None:
    if side == "worker":
        session = Session()
        list(session.receive(stream))
        session.decoder.finish()
        return
    decoder = Decoder()
    for number, body in decoder.feed(stream):
        decode(KINDS[number], body)
    decoder.finish()


class Large(unittest.TestCase):
    """What is too long to be written down: pieces, each repeated."""

    def test_values_at_the_edges_of_their_lengths(self) -> None:
        for vector in vectors("large"):
            if "type" not in vector:
                continue
            with self.subTest(vector["description"]):
                read, write = PRIMITIVES[vector["type"]]
                reader = Reader(whole(vector))
                value = read(reader)
                self.assertTrue(reader.canonical)
                self.assertEqual((len(value), reader.at), (vector["length"], reader.end))
                out = bytearray()
                write(out, value)
                self.assertEqual(bytes(out), whole(vector))

    def test_messages_at_the_limits(self) -> None:
        for vector in vectors("large"):
            if "type" in vector:
                continue
            with self.subTest(vector["description"]):
                if "error" in vector:
                    with self.assertRaises(Violation) as caught:
                        self.decoded(vector)
                    self.assertEqual(caught.exception.requirement, vector["requirement"])
                    continue
                message, data = self.decoded(vector)
                self.assertEqual(type(message).__name__, vector["message"])
                self.assertEqual(frame(message, data, vector["max_frame"]), whole(vector))

    def decoded(self, vector: dict[str, Any]) -> tuple[Any, bytes]:
        [(number, body)] = Decoder(vector["max_frame"]).feed(whole(vector))
        return decode(KINDS[number], body)


def whole(vector: dict[str, Any]) -> bytes:
    return b"".join(bytes.fromhex(part["hex"]) * part.get("times", 1) for part in vector["parts"])


class Negotiation(unittest.TestCase):
    def test_both_sides_agree_on_this(self) -> None:
        for vector in vectors("negotiation"):
            with self.subTest(vector["description"]):
                if "version" in vector:
                    found = agreement.version(tuple(vector["host"]), tuple(vector["worker"]))
                    self.assertEqual(found, vector["version"])
                elif "host_limits" in vector:
                    sides = [Limits(**vector[f"{side}_limits"]) for side in ("host", "worker")]
                    self.assertEqual(agreement.limits(*sides), Limits(**vector["limits"]))
                elif "out_of_range" in vector:
                    found_name = agreement.out_of_range(Limits(**vector["limits"]))
                    self.assertEqual(found_name, vector["out_of_range"])
                else:
                    common = vector["host_capabilities"] & vector["worker_capabilities"]
                    self.assertEqual(common, vector["common"])


if __name__ == "__main__":
    unittest.main()
