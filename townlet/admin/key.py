"""What a person or a program opens a run's doors with: a certificate, and a token."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from townlet.errors import ConfigError
from townlet.security_settings import TlsSettings

TOKEN_VARIABLE = "TOWNLET_TOKEN"


@dataclass(frozen=True)
class Key:
    """tls: None speaks in the clear. token: empty for none."""

    tls: TlsSettings | None = None
    token: str = field(default="", repr=False)

    def or_tls(self, tls: TlsSettings | None) -> "Key":
        """The same, with this certificate where there is none of one's own."""
        return self if self.tls is not None else replace(self, tls=tls)


def find_key(token_file: Path | None, identity: Path | None, environment: Mapping[str, str]) -> Key:
    """identity: DIR/NAME, as `townlet certificates DIR NAME` has made it. Raises ConfigError."""
    tls = None
    if identity is not None:
        files = (identity.with_name("ca.pem"), *(identity.with_name(identity.name + end) for end in (".pem", ".key")))
        tls = TlsSettings(ca=files[0], certificate=files[1], key=files[2])
    if token_file is not None:
        return Key(tls, _token(_read(token_file), f"--token-file {token_file}"))
    return Key(tls, _token(environment[TOKEN_VARIABLE], TOKEN_VARIABLE) if environment.get(TOKEN_VARIABLE) else "")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"--token-file {path}: cannot be read: {error.strerror}") from None


def _token(text: str, source: str) -> str:
    token = text.strip()
    if not (token.isascii() and token.isprintable() and len(token.split()) == 1):
        raise ConfigError(f"{source}: expected one token, and nothing else, found {len(text)} characters")
    return token
