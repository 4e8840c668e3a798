"""Messages as plain values, for programs."""

from typing import Any

from google.protobuf.message import Message

Field = Any  # the descriptors have no one name that types agree on


def to_values(message: Message) -> dict[str, Any]:
    """Every field by its name; numbers are numbers, enums words, and what is missing is None.

    Of fields that exclude one another only the one that is there is told.
    """
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields if not _is_other(message, field)}


def _is_other(message: Message, field: Field) -> bool:
    several = field.containing_oneof is not None and len(field.containing_oneof.fields) > 1
    return bool(several and not message.HasField(field.name))


def _value(message: Message, field: Field) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.is_repeated:
        return [_single(each, field) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _single(value, field)


def _single(value: Any, field: Field) -> Any:
    if field.enum_type is not None:
        return _word(field.enum_type, value)
    return to_values(value) if field.message_type is not None else value


def _word(kind: Field, number: int) -> str:
    """CHECKPOINT_STEP_CUT of CheckpointStep -> cut"""
    name: str = kind.values_by_number[number].name
    prefix = "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in kind.name).lstrip("_") + "_"
    return name.removeprefix(prefix).lower()
