"""How protobuf writes a field whose bytes are at hand: protobuf.dev/programming-guides/encoding."""

LENGTH_DELIMITED = 2
"""The kind of fields that are bytes, and of messages within messages."""


def key(number: int) -> int:
    """Of the bytes field, or the message, of this number."""
    return number << 3 | LENGTH_DELIMITED


def head(number: int, size: int) -> bytes:
    """What stands before the `size` bytes of such a field."""
    return _varint(key(number)) + _varint(size)


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
