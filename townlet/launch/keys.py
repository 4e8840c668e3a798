"""`townlet certificates` and `townlet token`, from their arguments to their work."""

import sys
from datetime import timedelta
from pathlib import Path

from townlet.certificates import Authority
from townlet.roles import Role
from townlet.tokens import add_token, valid_until


def certificates_command(folder: Path, names: list[str], client: bool, days: int) -> None:
    """Make a certificate for each NAME or NAME=HOST,... Raises ConfigError."""
    authority = Authority(folder, timedelta(days=days))
    if authority.is_new:
        _say(f"{folder}/ca.pem: a new authority; keep ca.key from every service")
    for each in names:
        name, _, hosts = each.partition("=")
        path = authority.issue(name, tuple(filter(None, hosts.split(","))) or (name,), client=client)
        _say(f"{path} and {path.stem}.key: {'a client' if client else 'a member'}, valid for {days} days")


def token_command(file: Path, name: str, role: Role, days: float | None) -> None:
    """Make a token, and print it: alone on stdout, so that it can be piped. Raises ConfigError."""
    token = add_token(file, name, role, valid_until(days))
    _say(f"{file}: {name} is {'an operator' if role == 'operator' else 'a viewer'} now; this is shown once:")
    print(token)  # noqa: T201  # for whoever stores it


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201  # for people
