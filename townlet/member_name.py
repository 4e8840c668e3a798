"""What the members of a run may be called."""

import re

from townlet.errors import InvalidRequestError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_member_name(what: str, name: str) -> None:
    """Raises InvalidRequestError for what is no name. what: whose it is."""
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{what}: expected 1 to 64 letters, digits, dots, dashes and underscores, found {name[:64]!r}"
        )
