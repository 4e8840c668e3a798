"""No password is shown, and none stands in a configuration."""

from pathlib import Path

import pytest

from townlet.config_file import load_config
from townlet.errors import ConfigError
from townlet.masks import masked

L0 = Path(__file__).parents[2] / "configs" / "L0_minimal.yaml"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://me:secret@host:6379/0", "redis://me:***@host:6379/0"),
        ("rediss://:secret@host", "rediss://:***@host"),
        ("redis://me:a/b:c@d@host and more", "redis://me:***@host and more"),
        ("found 'redis://me:secret@host', not this", "found 'redis://me:***@host', not this"),
        ("redis://me@host:6379/0", "redis://me@host:6379/0"),
        ("unix:///tmp/redis.sock", "unix:///tmp/redis.sock"),
        (
            "learner at 10.0.0.7:50051 does not answer: no details",
            "learner at 10.0.0.7:50051 does not answer: no details",
        ),
    ],
)
def test_a_password_in_a_url_is_masked_and_nothing_else(text, shown):
    assert masked(text) == shown


@pytest.mark.parametrize(
    "override",
    [
        "replay.redis_url=redis://me:s3cr3t@host:6379/0",
        "replay.redis_url=rediss://:s3cr3t@host",
        "replay.redis_url=rdis://me:s3cr3t@host",
        "replay.redis_url.more=redis://me:s3cr3t@host",
        "checkpoint.root=ftp://me:s3cr3t@host/versions",
        "learner.address=redis://me:s3cr3t@host",
        "replay.redis_url={redis://me:s3cr3t@host",
        "redis://me:s3cr3t@host",
    ],
)
@pytest.mark.parametrize("way", ["file", "environment", "--set"])
def test_a_password_in_a_configuration_is_refused_without_showing_it(override, way, tmp_path):
    key, _, value = override.partition("=")
    overrides, environment, path = [], {}, L0
    if way == "--set":
        overrides = [override]
    elif way == "environment":
        environment = {f"TOWNLET__{key.upper().replace('.', '__')}": value}
    else:
        path = tmp_path / "config.yaml"
        path.write_text(f"extends: {L0}\n" + _yaml(key.split("."), value))
    with pytest.raises(ConfigError) as refused:
        load_config(path, overrides, environment)
    assert "s3cr3t" not in str(refused.value)


def _yaml(key: list[str], value: str) -> str:
    head, *rest = key
    return f"{head}: {_flow(rest, value)}\n"


def _flow(key: list[str], value: str) -> str:
    return f"{{{key[0]}: {_flow(key[1:], value)}}}" if key else f'"{value}"'
