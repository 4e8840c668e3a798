"""How a shard gets into its Redis: the password from a file or the environment, never from the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from townlet.config import Config
from townlet.errors import ConfigError
from townlet.launch.redis_server import server_url
from townlet.run_folder import RunFolder
from townlet.settings import is_loopback

log = structlog.get_logger()

PASSWORD_VARIABLE = "TOWNLET_REDIS_PASSWORD"


@dataclass(frozen=True)
class RedisAccess:
    """url: with the user, if there is one. ca: what vouches for a server behind TLS; None for the usual authorities."""

    url: str
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None


def redis_access(config: Config, environment: Mapping[str, str]) -> RedisAccess:
    """What the configuration and the environment say. Raises ConfigError."""
    replay = config.replay
    if replay.redis_url is None:
        raise ConfigError("replay.redis_url: expected the URL of a Redis server, found null (`townlet up` starts one)")
    if replay.redis_url.startswith("unix://") and replay.redis_url == server_url(RunFolder(config.run.folder).redis):
        return RedisAccess(replay.redis_url)  # the embedded one: only we can reach its socket
    is_tls = replay.redis_url.startswith("rediss://")
    if replay.redis_ca is not None:
        _check_ca(replay.redis_ca, is_tls)
    password = _password(replay.redis_password_file, environment)
    if password is not None and replay.redis_url.startswith("redis://") and not is_loopback(_host(replay.redis_url)):
        log.warning(
            "redis_without_tls",
            risk="the password and every episode cross the network in the clear; use rediss://",
        )
    return RedisAccess(replay.redis_url, password, replay.redis_ca)


def _password(path: Path | None, environment: Mapping[str, str]) -> str | None:
    if path is None:
        return environment.get(PASSWORD_VARIABLE) or None
    try:
        password = path.read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise ConfigError(f"replay.redis_password_file: {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"replay.redis_password_file: {path}: expected a password in UTF-8") from None
    if not password or "\n" in password:
        raise ConfigError(
            f"replay.redis_password_file: {path}: expected one line with a password, found "
            f"{'several' if password else 'nothing'}"
        )
    return password


def _check_ca(path: Path, is_tls: bool) -> None:
    if not is_tls:
        raise ConfigError("replay.redis_ca: expected a replay.redis_url that begins with rediss://, found another one")
    try:
        good = b"-----BEGIN CERTIFICATE-----" in path.read_bytes()
    except OSError as error:
        raise ConfigError(f"replay.redis_ca: {path}: cannot be read: {error.strerror}") from None
    if not good:
        raise ConfigError(f"replay.redis_ca: {path}: expected certificates in PEM, found something else")


def _host(url: str) -> str:
    """host:port of a URL, whatever stands around it."""
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return host if ":" in host else f"{host}:6379"
