"""A token lets in whom it is for, for as long as it stands in the file; and the file holds no secret."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from townlet.cli import app
from townlet.errors import ConfigError, ForbiddenError, TownletError, UnauthenticatedError, UnavailableError
from townlet.tokens import Tokens, add_token, new_token, read_tokens, sha256_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "tokens.yaml"


def test_a_viewer_looks_on_and_an_operator_does_everything(path):
    viewer, operator = add_token(path, "bob", "viewer", None), add_token(path, "alice", "operator", None)
    tokens = Tokens(path)
    assert tokens.check(viewer, "viewer", NOW) == "bob"
    assert [tokens.check(operator, need, NOW) for need in ("viewer", "operator")] == ["alice", "alice"]
    with pytest.raises(ForbiddenError, match="expected the token of an operator, found that of bob, a viewer"):
        tokens.check(viewer, "operator", NOW)


@pytest.mark.parametrize("token", ["", "townlet_x", "é", "x" * 100_000])
def test_nobody_else_is_let_in(path, token):
    add_token(path, "bob", "viewer", None)
    with pytest.raises(UnauthenticatedError):
        Tokens(path).check(token, "viewer", NOW)


def test_a_token_is_good_until_it_expires(path):
    token = add_token(path, "bob", "viewer", NOW)
    tokens = Tokens(path)
    assert tokens.check(token, "viewer", NOW - timedelta(seconds=1)) == "bob"
    with pytest.raises(UnauthenticatedError, match="found bob's, which expired 2026-01-01T00:00:00"):
        tokens.check(token, "viewer", NOW)


def test_a_token_that_is_taken_out_of_the_file_is_withdrawn_at_once(path):
    token = add_token(path, "bob", "viewer", None)
    tokens = Tokens(path)
    tokens.check(token, "viewer", NOW)
    path.write_text("tokens: []")
    with pytest.raises(UnauthenticatedError):
        tokens.check(token, "viewer", NOW)


def test_a_file_that_goes_bad_lets_nobody_in_until_it_is_good_again(path):
    token = add_token(path, "bob", "viewer", None)
    tokens, good = Tokens(path), path.read_text()
    for bad in ("tokens: 7", None):
        path.write_text(bad) if bad else path.unlink()
        with pytest.raises(UnavailableError, match="cannot read its file of tokens"):
            tokens.check(token, "viewer", NOW)
    path.write_text(good)
    assert tokens.check(token, "viewer", NOW) == "bob"


def test_the_launcher_looks_on_with_a_token_of_its_own(path):
    add_token(path, "bob", "viewer", None)
    token = new_token()
    tokens = Tokens(path, sha256_of(token))
    assert tokens.check(token, "viewer", NOW) == "up"
    with pytest.raises(ForbiddenError):
        tokens.check(token, "operator", NOW)


def test_the_file_holds_no_secret_and_is_ones_own(path):
    token = add_token(path, "bob", "viewer", None)
    assert token.removeprefix("townlet_") not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="expected a name without a token, found bob's"):
        add_token(path, "bob", "operator", None)


def test_json_is_read_as_well(path):
    path.write_text(
        json.dumps({"tokens": [{"name": "b", "role": "viewer", "sha256": sha256_of("x"), "expires": None}]})
    )
    assert Tokens(path).check("x", "viewer", NOW) == "b"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "expected a file of tokens, in YAML or JSON"),
        ("7", "tokens: expected as `townlet token` writes it"),
        ("tokens: [{name: b, role: king, sha256: S}]", "tokens.0.role: expected"),
        ("tokens: [{name: b, role: viewer, sha256: abc}]", "tokens.0.sha256: expected"),
        ("tokens: [{name: b, role: viewer, sha256: S, expires: tomorrow}]", "tokens.0.expires: expected"),
        ("tokens: [{name: b, role: viewer, sha256: S, expires: 2027-01-01}]", "tokens.0.expires: expected"),
        ("tokens: [{name: b, role: viewer, sha256: S, secret: s3cr3t}]", "tokens.0.secret: expected"),
    ],
)
def test_a_file_of_another_kind_is_one_sentence(path, content, told):
    path.write_text(content.replace("S}", f"{'0' * 64}}}").replace("S,", f"{'0' * 64},"))
    with pytest.raises(ConfigError) as refused:
        read_tokens(path)
    assert str(refused.value).startswith(f"{path}: {told}"), refused.value
    assert "\n" not in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path, mode):
    add_token(path, "bob", "viewer", None)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="only its owner can write; chmod go-w it"):
        Tokens(path)


def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(ConfigError, match=f"{path}: the file of tokens cannot be read: No such file"):
        Tokens(path)


def test_the_command_prints_the_secret_once_and_alone(path):
    done = CliRunner().invoke(app, ["token", str(path), "alice", "--role", "operator", "--days", "2"])
    token = done.stdout.strip()
    assert (done.exit_code, len(token.split())) == (0, 1)
    assert token not in done.stderr
    record = yaml.safe_load(path.read_text())["tokens"][0]
    assert (record["role"], record["sha256"]) == ("operator", sha256_of(token))
    until = datetime.fromisoformat(record["expires"]) - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < until <= timedelta(days=2)
    with pytest.raises(TownletError):
        Tokens(path).check(token, "operator", datetime.now(UTC) + timedelta(days=3))


def test_a_time_of_change_that_is_the_same_does_not_hide_another_file(path):
    token = add_token(path, "bob", "viewer", None)
    tokens, changed = Tokens(path), path.stat().st_mtime_ns
    path.unlink()
    add_token(path, "eve", "viewer", None)
    os.utime(path, ns=(changed, changed))
    with pytest.raises(UnauthenticatedError):
        tokens.check(token, "viewer", NOW)
