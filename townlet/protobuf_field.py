"""How protobuf writes and reads a field whose bytes are at hand: protobuf.dev/programming-guides/encoding."""

from enum import IntEnum

from google.protobuf.message import DecodeError


class _Kind(IntEnum):
    """How a field is written."""

    VARINT = 0
    FIXED64 = 1
    LENGTH_DELIMITED = 2  # bytes, and messages within messages
    FIXED32 = 5


def head(number: int, size: int) -> bytes:
    """What stands before the `size` bytes of the bytes field, or the message, of this number."""
    return _varint(_key(number)) + _varint(size)


def split(message: memoryview, number: int, what: str) -> tuple[bytes, memoryview]:
    """A serialised message without its field of this number, and the bytes of that field, where they lie.

    The field is one of bytes, or a message; the fields may be in any order. what: the message, for messages of errors.
    Raises DecodeError.
    """
    rest, found = split_repeated(message, number, what)
    return rest, found[-1] if found else memoryview(b"")


def split_repeated(message: memoryview, number: int, what: str) -> tuple[bytes, list[memoryview]]:
    """The same of a field that is repeated: each of them, in their order."""
    found, rest = [], []
    at = 0
    while at < len(message):
        begin = at
        key, at = _read_varint(message, at, what)
        length = 0
        match key & 7:
            case _Kind.VARINT:
                _, at = _read_varint(message, at, what)
            case _Kind.FIXED64:
                length = 8
            case _Kind.LENGTH_DELIMITED:
                length, at = _read_varint(message, at, what)
            case _Kind.FIXED32:
                length = 4
            case kind:
                raise DecodeError(f"{what}: expected fields of a known kind, found kind {kind}")
        at += length
        if at > len(message):
            raise DecodeError(f"{what}: expected at least {at} bytes, found {len(message)}")
        if key == _key(number):
            found.append(message[at - length : at])
        else:
            rest.append(message[begin:at])
    return b"".join(rest), found


def _key(number: int) -> int:
    return number << 3 | _Kind.LENGTH_DELIMITED


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _read_varint(message: memoryview, at: int, what: str) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        part = message[at]
        at += 1
        number |= (part & 0x7F) << shift
        if part < 0x80:
            return number, at
    raise DecodeError(f"{what}: expected a whole number before byte {at}, found none")
