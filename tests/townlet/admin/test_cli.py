"""`townlet admin` without a run that is on: what is wrong is told in one sentence, with an exit code of its own."""

import fcntl
import json
import os
import re
from pathlib import Path

import pytest
from small_versions import commit
from typer.testing import CliRunner

from protos import admin_pb2 as pb
from protos import admin_pb2_grpc
from townlet.admin.archive import store_of
from townlet.cli import app
from townlet.config_file import dump_config, load_config
from townlet.rpc import LoopThread, Server

L0 = Path(__file__).parents[3] / "configs" / "L0_minimal.yaml"


@pytest.fixture
def runs(tmp_path, monkeypatch, free_port):
    """Makes runs that are not on, in the folder that commands look into."""
    monkeypatch.chdir(tmp_path)

    def make(name: str, started: float) -> Path:
        config = load_config(L0, [f"run.name={name}", f"learner.address=127.0.0.1:{free_port}"])
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(dump_config(config))
        os.utime(folder / "config.yaml", (started, started))
        for version in (1, 2):
            commit(store_of(config), version, run=name)
        return folder

    make("before", 1000.0)
    return make("test", 2000.0)


def townlet(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    done = CliRunner().invoke(app, ["admin", *words])
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


@pytest.mark.parametrize("words", ["status", "watch", "pause", "set learner.learning_rate 1", "stop", "restore 1"])
def test_a_run_that_is_not_on_is_told_with_what_to_do(runs, words):
    code, out, error = townlet(*words.split())
    assert (code, out) == (3, "")
    assert re.search(r"run runs/test: its learner at 127\.0\.0\.1:\d+ does not answer \(connection refused\)", error)
    assert "start it with `townlet up runs/test/config.yaml`" in error


def test_the_versions_of_a_run_that_is_not_on_are_looked_after_on_its_files(runs):
    code, out, error = townlet("versions", "--json")
    assert (code, error) == (0, "runs/test is not on: these are its files")
    assert [version["version"] for version in json.loads(out)["versions"]] == [1, 2]
    assert townlet("pin", "1")[0] == 0
    assert townlet("delete", "1")[0] == 1
    assert townlet("verify", "1")[1].splitlines()[-1] == "version 1: good"
    assert "pinned" in townlet("show", "1")[1]
    assert townlet("delete", "2")[0] == 0
    code, _, error = townlet("verify", "2")
    assert (code, "000002/manifest.json: expected a version, found no such file" in error) == (4, True)
    (runs / "versions" / "000001" / "learner.json").write_text("{}")
    assert townlet("verify", "1")[0] == 4
    assert townlet("branch", "1", "before", "--run", "before")[0] == 1
    code, out, _ = townlet("branch", "1", "other", "--run", "before")
    assert (code, "start it with `townlet up runs/other/config.yaml`" in out) == (0, True)


def test_nobody_touches_the_files_of_a_run_that_starts_or_stops(runs):
    with (runs / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, error = townlet("delete", "1")
    assert (code, "its `townlet up` is there" in error) == (3, True)
    assert (runs / "versions" / "000001" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("status --run nobody", 2, "run nobody: expected a run's folder, or the name of one under runs/"),
        ("status --address here", 2, "--address: expected host:port, found here"),
        ("status --address 127.0.0.1:1", 3, "no learner answers at 127.0.0.1:1 (connection refused)"),
        ("show x", 2, "Invalid value for 'V'"),
        ("show 0", 2, "Invalid value for 'V'"),
        ("dance", 2, "No such command 'dance'"),
        ("set", 2, "Missing argument 'KEY'"),
    ],
)
def test_a_wrong_command_has_an_exit_code_of_its_own(runs, words, code, sentence):
    found, _, error = townlet(*words.split())
    assert (found, sentence in error) == (code, True), error


class Elsewhere(admin_pb2_grpc.AdminServiceServicer):
    """The learner of another run, which has got the port of one that has ended."""

    stopped = False

    async def Status(self, request, context):
        return pb.StatusResponse(run="another")

    async def Stop(self, request, context):
        self.stopped = True
        return pb.StopResponse()


def test_no_other_runs_learner_is_taken_for_the_runs_own(runs, free_port):
    elsewhere = Elsewhere()
    with LoopThread("test") as loop:

        async def start() -> Server:
            server = Server(None)
            admin_pb2_grpc.add_AdminServiceServicer_to_server(elsewhere, server.grpc_server)
            await server.start(f"127.0.0.1:{free_port}", ("townlet.v1.AdminService",))
            return server

        server = loop.run(start())
        code, _, error = townlet("stop")
        assert (code, "the learner there is run another's" in error) == (3, True)
        assert not elsewhere.stopped
        assert townlet("stop", "--no-wait", "--address", f"127.0.0.1:{free_port}")[0] == 0
        assert elsewhere.stopped
        loop.run(server.stop())


def test_the_shell_completes_runs_versions_keys_and_actors(runs):
    (runs / "logs").mkdir()
    for name in ("actor-0", "actor-1", "learner"):
        (runs / "logs" / f"{name}.log").touch()

    def completed(*words: str) -> list[str]:
        environment = {
            "_TOWNLET_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(["townlet", "admin", *words]),
            "COMP_CWORD": str(len(words) + 1),
        }
        done = CliRunner().invoke(app, [], prog_name="townlet", env=environment)
        return done.stdout.split()

    assert completed("dr") == ["drain"]
    assert completed("status", "--run", "te") == ["test"]
    assert completed("show", "") == ["2", "1"]
    assert completed("verify", "--run", "before", "1") == ["1"]
    assert completed("drain", "a") == ["actor-0", "actor-1"]
    assert completed("set", "exploration.m") == ["exploration.minimum"]
    assert completed("set", "le") == ["learner.learning_rate"]
