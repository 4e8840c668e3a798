"""Tokens for the admin service: who has one, what it is good for, until when.

The file, YAML or JSON, holds no secret: of each token its sha256. A token is 32 random bytes, too many to be guessed
from that.

    tokens:
    - {name: alice, role: operator, sha256: 6b86b2..., expires: '2027-01-31T00:00:00Z'}
    - {name: dashboard, role: viewer, sha256: d4735e...}      # for ever
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import structlog
import yaml
from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError

from townlet.errors import ConfigError, ForbiddenError, UnauthenticatedError, UnavailableError
from townlet.private_files import others_can_write, write_private
from townlet.roles import Role
from townlet.settings import Settings

log = structlog.get_logger()

LAUNCHER_VARIABLE = "TOWNLET_LAUNCHER_TOKEN_SHA256"
"""Of the token with which a `townlet up` asks its learner how it goes: made when it starts, gone when it ends."""

PREFIX = "townlet_"
"""So that whoever finds a token knows what it is for."""


def _missing(text: Any) -> Any:
    return None if text in ("", "~", "null") else text


Moment = Annotated[AwareDatetime, Field(strict=False)]
"""As text, with its zone."""


class TokenRecord(Settings):
    """One token. name: whose it is, for messages and logs. expires: null for never."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
    role: Role
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    expires: Annotated[Moment | None, BeforeValidator(_missing)] = None


class TokensFile(Settings):
    """All of them."""

    tokens: tuple[TokenRecord, ...] = ()


class Tokens:
    """Those in a file, as it is now: it is read again when it has changed, so that a token can be withdrawn at once.

    launcher_sha256: of one more token, for looking on; empty for none. Raises ConfigError when the file is no good at
    the start; from then on it is refused to everybody, and logged, for as long as it is not.
    """

    def __init__(self, path: Path, launcher_sha256: str = "") -> None:
        self._path = path
        self._launcher = [TokenRecord(name="up", role="viewer", sha256=launcher_sha256)] if launcher_sha256 else []
        self._state = _state(path)
        self._records: tuple[TokenRecord, ...] | None = read_tokens(path).tokens

    def check(self, token: str, need: Role, now: datetime) -> str:
        """Whose token it is. token: empty for none. need: what it has to be good for.

        Raises UnauthenticatedError or ForbiddenError when it is not let in, UnavailableError when nobody is.
        """
        if not token:
            raise UnauthenticatedError("expected a token, found none; set TOWNLET_TOKEN, or give --token-file")
        digest = sha256_of(token)
        found = [record for record in self._current() if secrets.compare_digest(record.sha256, digest)]
        if not found:
            raise UnauthenticatedError("expected a token that the learner knows, found another one")
        record = found[0]
        if record.expires is not None and record.expires <= now:
            raise UnauthenticatedError(
                f"expected a token that is valid, found {record.name}'s, which expired {record.expires.isoformat()}"
            )
        if need == "operator" and record.role != "operator":
            raise ForbiddenError(f"expected the token of an operator, found that of {record.name}, a {record.role}")
        return record.name

    def _current(self) -> list[TokenRecord]:
        if (state := _state(self._path)) != self._state:
            self._state, self._records = state, None
            try:
                self._records = read_tokens(self._path).tokens
                log.info("tokens_read", path=str(self._path), tokens=len(self._records))
            except ConfigError as error:
                log.error("tokens_not_read", reason=str(error))
        if self._records is None:
            raise UnavailableError("the learner cannot read its file of tokens; its log says why")
        return [*self._launcher, *self._records]


def tokens_for(path: Path | None, environment: Mapping[str, str]) -> Tokens | None:
    """Those that `security.tokens` names; None when nobody is asked for one. Raises ConfigError."""
    return None if path is None else Tokens(path, environment.get(LAUNCHER_VARIABLE, ""))


def read_tokens(path: Path) -> TokensFile:
    """Raises ConfigError when it cannot be read, is of another kind, or is open for others to write."""
    try:
        if others_can_write(path):
            raise ConfigError(f"{path}: expected a file of tokens that only its owner can write; chmod go-w it")
        tree = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # every value is text until it is checked
    except OSError as error:
        raise ConfigError(f"{path}: the file of tokens cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigError(f"{path}: expected a file of tokens, in YAML or JSON, found something else") from None
    try:
        found = TokensFile.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        at = ".".join(map(str, fault["loc"]))
        raise ConfigError(f"{path}: {at or 'tokens'}: expected as `townlet token` writes it: {fault['msg']}") from None
    return found


def add_token(path: Path, name: str, role: Role, expires: datetime | None) -> str:
    """Make a token, and put its digest into a file, which is made when there is none. What is returned is the secret.

    Raises ConfigError when the name has one already.
    """
    known = read_tokens(path).tokens if path.exists() else ()
    if any(record.name == name for record in known):
        raise ConfigError(f"{path}: expected a name without a token, found {name}'s; take that out first")
    token = new_token()
    try:
        record = TokenRecord(name=name, role=role, sha256=sha256_of(token), expires=expires)
    except ValidationError:
        raise ConfigError(f"{name}: expected a name of letters, digits, dots, dashes and @") from None
    tree = {"tokens": [each.model_dump(mode="json", exclude_none=True) for each in (*known, record)]}
    try:
        write_private(path, yaml.safe_dump(tree, sort_keys=False).encode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    return token


def new_token() -> str:
    """One that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def sha256_of(token: str) -> str:
    """What stands in the file for a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def valid_until(days: float | None) -> datetime | None:
    """When a token of so many days expires."""
    return None if days is None else datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def _state(path: Path) -> tuple[int, ...]:
    """Tells a file from what it was before; empty while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ctime_ns, found.st_ino, found.st_size
