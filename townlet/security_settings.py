"""The `security` section of a configuration. It names files, and never holds a secret."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from townlet.masks import has_password, masked
from townlet.settings import Settings, require

File = Annotated[Path, Field(strict=False)]
"""A relative path is meant from where the process was started."""


def _without_password(url: str) -> str:
    require(
        not has_password(url),
        "expected a URL without a password (that of Redis is in replay.redis_password_file or TOWNLET_REDIS_PASSWORD), "
        f"found {masked(url)}",
    )
    return url


Url = Annotated[str, AfterValidator(_without_password)]
"""Configurations are copied, kept and shown; so a URL in one holds no password."""


class TlsSettings(Settings):
    """Mutual TLS: who calls and who answers show each other a certificate of one authority. All files are PEM.

    ca: the authority's certificate. certificate: our own, followed by those between it and the authority, if any.
    key: of our own certificate, not encrypted.
    """

    ca: File
    certificate: File
    key: File


class SecuritySettings(Settings):
    """Who is let in.

    tls: null lets everybody in who reaches a port. tokens: the file of those who may use the admin service; null asks
    nobody for a token.
    """

    tls: TlsSettings | None = None
    tokens: File | None = None
