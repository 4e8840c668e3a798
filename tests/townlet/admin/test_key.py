"""What opens a run's doors comes from files or the environment, and is never shown."""

import pytest

from townlet.admin.key import Key, find_key
from townlet.errors import ConfigError
from townlet.security_settings import TlsSettings


def test_a_token_comes_from_a_file_or_else_from_the_environment(tmp_path):
    path = tmp_path / "token"
    path.write_text("of-the-file\n")
    environment = {"TOWNLET_TOKEN": "of-the-environment"}
    assert find_key(path, None, environment).token == "of-the-file"
    assert find_key(None, None, environment).token == "of-the-environment"
    assert find_key(None, None, {"TOWNLET_TOKEN": ""}) == find_key(None, None, {}) == Key()
    assert "of-the" not in repr(find_key(None, None, environment))


@pytest.mark.parametrize("text", ["", "\n", "s3cr3t s3cr3t", "s3cr3t\nmore", "s3cr\u00e9t", "s3cr3t\x00"])
def test_what_is_no_token_is_refused_without_showing_it(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"^--token-file {path}: expected one token, and nothing else") as refused:
        find_key(path, None, {})
    assert "s3cr" not in str(refused.value)
    if text:
        with pytest.raises(ConfigError, match=r"^TOWNLET_TOKEN: expected one token, and nothing else"):
            find_key(None, None, {"TOWNLET_TOKEN": text})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=f"^--token-file {tmp_path}/none: cannot be read: No such file"):
        find_key(tmp_path / "none", None, {})


def test_an_identity_goes_before_what_the_run_is_configured_with(tmp_path):
    alice = find_key(None, tmp_path / "alice.b", {})
    assert alice.tls == TlsSettings(
        ca=tmp_path / "ca.pem", certificate=tmp_path / "alice.b.pem", key=tmp_path / "alice.b.key"
    )
    runs = TlsSettings(ca=tmp_path / "x", certificate=tmp_path / "y", key=tmp_path / "z")
    assert (alice.or_tls(runs), Key(token="t").or_tls(runs)) == (alice, Key(runs, "t"))
