"""Text that people may read: without the passwords that it holds in URLs."""

import re

_PASSWORD = re.compile(r"(://[^:/@\s]*):\S*@")


def masked(text: str) -> str:
    """redis://me:secret@host -> redis://me:***@host. A password may hold anything but white space."""
    return _PASSWORD.sub(r"\1:***@", text)


def has_password(url: str) -> bool:
    """Whether a URL holds one."""
    return _PASSWORD.search(url) is not None
