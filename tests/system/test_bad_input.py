"""What goes wrong at the command line: one clear sentence, and a non-zero exit."""

import socket
import subprocess
from pathlib import Path

import pytest
from run_process import CONFIGS, TOWNLET, RunProcess

L0 = str(CONFIGS / "L0_minimal.yaml")


def townlet(*arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    done = subprocess.run([TOWNLET, *arguments], check=False, capture_output=True, text=True, timeout=60, cwd=cwd)
    assert "Traceback" not in done.stderr
    return done.returncode, (done.stdout + done.stderr).strip()


def test_a_good_configuration_is_called_good():
    code, said = townlet("config", "check", L0)
    assert (code, said.startswith(f"{L0}: good.")) == (0, True)


@pytest.mark.parametrize("command", [("config", "check"), ("up",)])
def test_a_bad_configuration_is_refused_before_anything_starts(command, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {L0}\nlearner: {{gama: 0.9, batch_size: -1}}")
    code, said = townlet(*command, str(path), cwd=tmp_path)
    assert code == 2
    assert said.splitlines() == [
        f"townlet: {path}: learner.batch_size: expected greater than or equal to 1, found -1",
        f"{path}: learner.gama: unknown key; did you mean gamma?",
    ]
    assert not (tmp_path / "runs").exists()


def test_a_run_that_is_not_there_is_named_with_those_that_are(tmp_path):
    code, said = townlet("evaluate", "nobody", cwd=tmp_path)
    assert code == 2
    assert said == ("townlet: run nobody: expected a run's folder, or the name of one under runs/ (newest: none)")
    assert townlet("watch", "latest", cwd=tmp_path)[1].startswith("townlet: no run under runs/ yet")


@pytest.mark.timeout(180)
def test_a_port_in_use_ends_the_run_with_its_reason(short_folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with RunProcess(short_folder, "L0_minimal.yaml", f"replay.addresses=['{address}']") as run:
            assert run.wait(50) == 1
            assert f"cannot listen on {address}: expected a free port of this machine" in run.output


@pytest.mark.timeout(180)
def test_a_redis_that_is_not_there_ends_the_run_with_its_reason(short_folder):
    settings = ("replay.redis_url=redis://127.0.0.1:1/0", "replay.redis_timeout_s=1")
    with RunProcess(short_folder, "L0_minimal.yaml", *settings) as run:
        assert run.wait(50) == 1
        assert "replay-0 ended (exit code 1): Redis at redis://127.0.0.1:1/0 does not serve us" in run.output


@pytest.mark.timeout(180)
def test_another_configuration_in_the_same_folder_is_refused(short_folder):
    with RunProcess(short_folder, "L0_minimal.yaml") as run:
        run.wait_for("a config", run.folder.config.exists)
        second = RunProcess(short_folder, "L0_minimal.yaml", "learner.gamma=0.5").start()
        assert second.wait(30) == 1
        assert "another `townlet up` runs in this folder" in second.output
    third = RunProcess(short_folder, "L0_minimal.yaml", "learner.gamma=0.5").start()
    assert third.wait(30) == 1
    assert "the run cannot go on with another configuration: learner.gamma: expected 0.95, as it was, found 0.5" in (
        third.output
    )
