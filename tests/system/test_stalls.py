"""A stall says who waits for what: in the status while it lasts, in the log when it begins and when it ends."""

import os
import signal

import pytest
from run_process import RunProcess

from protos import admin_pb2, admin_pb2_grpc
from townlet.config_file import load_config
from townlet.rpc import open_channel

SETTINGS = ("evaluation.enabled=false", "evaluation.goal=null", "replay.redis_timeout_s=1")


def told(run: RunProcess, event: str, reason: str) -> list[dict[str, object]]:
    """The learner's lines of one kind about this."""
    return [line for line in run.log("learner") if line["event"] == event and line["reason"] == reason]


def stall(run: RunProcess, reason: str, words: str) -> None:
    """Wait until a stall is in the status and in the log."""
    run.wait_for(f"status: {words}", lambda: (status := run.status()) and words in status.waiting, 200)
    run.wait_for(f"stall_begins: {reason}", lambda: told(run, "stall_begins", reason))
    assert words in told(run, "stall_begins", reason)[-1]["waiting"]


def end(run: RunProcess, reason: str, words: str) -> None:
    """Wait until it is over."""
    run.wait_for(f"stall_ends: {reason}", lambda: told(run, "stall_ends", reason), 200)
    assert told(run, "stall_ends", reason)[-1]["seconds"] > 0
    run.wait_for(f"no {words}", lambda: (status := run.status()) and words not in status.waiting)


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_stall_is_told_from_its_beginning_to_its_end(short_folder):
    with RunProcess(short_folder, "L0_minimal.yaml", *SETTINGS) as run:
        run.wait_for("updates", lambda: (status := run.status()) and status.updates > 50, 200)

        with open_channel(load_config(run.folder.config).learner.address, None) as channel:
            admin = admin_pb2_grpc.AdminServiceStub(channel)
            admin.Pause(admin_pb2.PauseRequest(), timeout=20)
            stall(run, "paused", "the training is paused")
            admin.Resume(admin_pb2.ResumeRequest(), timeout=20)
        end(run, "paused", "the training is paused")

        for module, reason, words in (
            ("redis", "redis", "appends wait for Redis"),
            ("actor", "actors", "no actor has spoken for"),
        ):
            (pid,) = run.pids(module)
            os.kill(pid, signal.SIGSTOP)
            try:
                stall(run, reason, words)
            finally:
                os.kill(pid, signal.SIGCONT)
            end(run, reason, words)
