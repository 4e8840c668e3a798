"""Which one of several a process is: a number from 0, told as `--index` or by the name of its host, and its name."""

import re

from townlet.errors import ConfigError

HOSTNAME = "hostname"
"""As an index: the number at the end of the host's name. A StatefulSet names its hosts so."""


def ordinal(text: str, hostname: str) -> int:
    """The number that `--index` means. Raises ConfigError."""
    if text == HOSTNAME:
        number = re.search(r"-(\d+)$", hostname.partition(".")[0])
        expected = f"--index {HOSTNAME}: expected a host name that ends with a number, such as replay-0"
    else:
        number = re.fullmatch(r"(\d+)", text)
        expected = f"--index: expected a number from 0, or {HOSTNAME}"
    if number is None:
        raise ConfigError(f"{expected}, found {hostname if text == HOSTNAME else text}")
    return int(number[1])


def actor_name(place: int) -> str:
    """Of the actor at a place."""
    return f"actor-{place}"


def actor_place(name: str) -> int:
    """The inverse."""
    return int(name.removeprefix("actor-"))
