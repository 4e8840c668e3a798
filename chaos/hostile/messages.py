"""Messages that nobody should send: noise, damaged copies of good ones, and valid ones with hostile values. Pure."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

Good = Mapping[str, Sequence[Any]]
"""By the name of a field, values that a server takes."""

GOOD_PART = 0.7
"""How likely a field that has good values gets one of them, so that what lies behind the first check is reached too."""
VARIANTS = 40
DEEPEST = 3
LONGEST_NOISE = 200
HUGE_VARINT = b"\xff" * 9 + b"\x01"
LENGTH_DELIMITED = 2

_INTEGERS = (0, 1, 2, 3, 7, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1)
_FLOATS = (0.0, -0.0, -1.0, 1e-300, 5e-324, 1.5, 1e9, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))
_STRINGS = (
    "",
    " ",
    "0",
    "-1",
    "nan",
    "../../etc/passwd",
    "\0",
    "\n",
    "a/b",
    "ü" * 40,
    "x" * 5_000,
    "[1",
    "{a: b}",
    "%s",
)
_BYTES = (b"", b"\0", b"\xff" * 8, b"\0" * 64, b"\x7f\xc0\0\0" * 2, b"\xff" * 4_096)
_COUNTS = (0, 1, 2, 5, 60)

_LIMITS = {"int32": (-(2**31), 2**31), "int64": (-(2**63), 2**63), "uint32": (0, 2**32), "uint64": (0, 2**64)}


class HostileMessages:
    """Endless messages to one RPC. kind: of its request. examples: good requests. random: all chance comes from it."""

    def __init__(self, kind: Any, good: Good, examples: Sequence[Message], random: random.Random) -> None:
        self._kind = kind
        self._good = good
        self._random = random
        self._examples = [example.SerializeToString() for example in examples]
        self._fields = self._variants(kind, 0)

    def noise(self) -> bytes:
        """Random bytes."""
        return self._random.randbytes(self._random.randrange(LONGEST_NOISE))

    def hostile(self) -> bytes:
        """A valid message: fields with hostile values, with good ones, or without any."""
        return self._built(self._fields)

    def damaged(self) -> bytes:
        """A good message after an accident or two; now and then one that nothing happened to."""
        message = bytearray(self._random.choice(self._examples))
        for _ in range(self._random.randrange(4)):
            self._random.choice(_ACCIDENTS)(message, self._random)
        return bytes(message)

    def any(self) -> bytes:
        """One of the three kinds."""
        return self._random.choice((self.noise, self.hostile, self.damaged))()

    def renew(self) -> None:
        """Draw other values for the fields."""
        self._fields = self._variants(self._kind, 0)

    # Valid messages are put together from encoded fields: a message is nothing but its fields, one after the other.

    def _built(self, fields: Sequence[Sequence[bytes]]) -> bytes:
        return b"".join([self._random.choice(variants) for variants in fields])

    def _variants(self, kind: Any, depth: int) -> list[list[bytes]]:
        """For each field so many encodings of it; some of them empty, which is a field that is missing."""
        return [[self._encoded(kind, field, depth) for _ in range(VARIANTS)] for field in kind.fields]

    def _encoded(self, kind: Any, field: Any, depth: int) -> bytes:
        count = self._random.choice(_COUNTS) if field.is_repeated else int(self._random.random() < 0.9)
        if field.message_type is not None:
            if depth >= DEEPEST:
                return b""
            inner = [self._nested(field.message_type, depth) for _ in range(count)]
            return b"".join(_tag(field.number) + _varint(len(each)) + each for each in inner)
        values = [self._value(field) for _ in range(count)]
        message = GetMessageClass(kind)()
        for value in values:
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        return bytes(message.SerializeToString())

    def _nested(self, kind: Any, depth: int) -> bytes:
        fields = [self._encoded(kind, field, depth + 1) for field in kind.fields]
        return b"".join(fields)

    def _value(self, field: Any) -> Any:
        good = [value for value in self._good.get(field.name, ()) if _fits(field, value)]
        if good and self._random.random() < GOOD_PART:
            return self._random.choice(good)
        if field.enum_type is not None:
            return self._random.choice((*field.enum_type.values_by_number, 99, -1, 2**31 - 1))
        for kind, (least, beyond) in _LIMITS.items():
            if field.type == getattr(field, f"TYPE_{kind.upper()}"):
                return self._random.choice([each for each in _INTEGERS if least <= each < beyond])
        match field.type:
            case field.TYPE_BOOL:
                return self._random.random() < 0.5
            case field.TYPE_STRING:
                return self._random.choice(_STRINGS)
            case field.TYPE_BYTES:
                return self._random.choice(_BYTES)
            case field.TYPE_DOUBLE:
                return self._random.choice(_FLOATS)
        raise NotImplementedError(f"{field.full_name}: no hostile values for fields of type {field.type}")


def _fits(field: Any, value: Any) -> bool:
    """Of two fields with one name one may be a number and the other one a word."""
    words = {field.TYPE_STRING: str, field.TYPE_BYTES: bytes}
    return isinstance(value, words.get(field.type, int))


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _tag(field_number: int) -> bytes:
    return _varint(field_number << 3 | LENGTH_DELIMITED)


# Accidents


def _flip_bits(message: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 6) if message else 0):
        message[chance.randrange(len(message))] ^= 1 << chance.randrange(8)


def _truncate(message: bytearray, chance: random.Random) -> None:
    del message[chance.randrange(len(message) + 1) :]


def _repeat_a_piece(message: bytearray, chance: random.Random) -> None:
    begin, end = sorted(chance.randrange(len(message) + 1) for _ in range(2))
    message[begin:begin] = message[begin:end]


def _lose_a_piece(message: bytearray, chance: random.Random) -> None:
    begin, end = sorted(chance.randrange(len(message) + 1) for _ in range(2))
    del message[begin:end]


def _insert_noise(message: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(message) + 1)
    message[at:at] = chance.randbytes(chance.randint(1, 12))


def _insert_a_huge_number(message: bytearray, chance: random.Random) -> None:
    at = chance.randrange(len(message) + 1)
    message[at : at + chance.randrange(2)] = HUGE_VARINT


def _double(message: bytearray, chance: random.Random) -> None:
    message *= chance.randint(2, 4)


_ACCIDENTS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip_bits,
    _truncate,
    _repeat_a_piece,
    _lose_a_piece,
    _insert_noise,
    _insert_a_huge_number,
    _double,
)
