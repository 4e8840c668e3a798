"""Several ranks learn what one learns with the whole batch. They are real processes that speak through gloo."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from shared_lessons import BATCH, LESSONS, Replay, take

from learner.meeting import meet
from learner.rank_processes import Place
from learner.share import ShareCodec
from townlet.errors import MismatchError, RankError, UnavailableError

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "support" / "shared_lessons.py"
CPU = torch.device("cpu")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.slow)])
def lessons(request):
    """The folder in which ranks wrote what they found in all lessons, and how many ranks."""
    ranks: int = request.param
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"}
    with tempfile.TemporaryDirectory() as folder:
        commands = [[sys.executable, str(SCRIPT), str(rank), str(ranks), folder] for rank in range(ranks)]
        processes = [subprocess.Popen(command, env=environment, cwd=ROOT) for command in commands]
        try:
            assert [process.wait(500) for process in processes] == [0] * ranks
        finally:
            for process in processes:
                process.kill()
        yield Path(folder), ranks


@pytest.mark.parametrize("name", LESSONS)
def test_several_ranks_learn_what_one_learns_with_the_whole_batch(lessons, name):
    """Gradients, clipping, moments, the target, priorities by which the next batch is drawn, and steering."""
    found = load_file(lessons[0] / f"{name}.safetensors")
    expected = take(LESSONS[name], LESSONS[name].learning(), divided=False)
    assert found.keys() == expected.keys()
    assert torch.equal(found["keys"], expected["keys"])
    assert len(found["keys"].unique()) > BATCH
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=2e-4, atol=2e-6, msg=lambda text, key=key: f"{key}: {text}")


def test_ranks_that_are_no_longer_the_same_are_stopped(lessons):
    folder, _ = lessons
    told = json.loads((folder / "failures-0.json").read_text())["different"]
    assert told.startswith("RankError: rank 1 of the learner: expected the networks of the first rank after update 1")


def test_what_is_not_finite_is_refused_by_every_rank_alike(lessons):
    folder, ranks = lessons
    told = [json.loads((folder / f"failures-{rank}.json").read_text())["not a number"] for rank in range(ranks)]
    assert told[0].startswith("NumericalError: update 1: expected a finite loss and gradient, found loss nan")
    assert told == [told[0]] * ranks


def test_a_rank_that_is_to_stop_stops_all(lessons):
    folder, ranks = lessons
    for rank in range(ranks):
        told = json.loads((folder / f"failures-{rank}.json").read_text())
        assert (told["stopped"], told["told"]) == (False, True)


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize("ranks", [1, 3])
def test_the_shares_of_a_batch_are_the_batch(name, ranks):
    replay = Replay(LESSONS[name])
    whole = replay.draw()
    expected = replay.windows.batch(whole.columns, whole.importance_weight, whole.source)
    codec = ShareCodec(replay.windows, BATCH // ranks, CPU)
    shares = []
    for rank in range(ranks):
        packed = torch.empty(codec.size, dtype=torch.uint8)
        codec.encode(whole, rank, packed)
        shares.append(codec.decode(packed, whole.source))
    for at, value in enumerate(leaves(expected)):
        assert torch.equal(torch.cat([leaves(share)[at] for share in shares]), value)
    assert shares[0].source is whole.source


def leaves(part: object) -> list[torch.Tensor]:
    """Every tensor in a batch, in order."""
    if isinstance(part, torch.Tensor):
        return [part]
    inside = part if isinstance(part, dict) else getattr(part, "__dict__", {})
    return [leaf for value in inside.values() for leaf in leaves(value)]


def meet_in(folder: Path, check=lambda: None, stop: threading.Event | None = None) -> None:
    """As the first of two ranks."""
    with meet(Place(ranks=2, store=folder / "store"), CPU, "mine", check, stop or threading.Event()):
        pytest.fail("they cannot have met")


def test_a_rank_with_another_configuration_is_refused(tmp_path):
    dist.FileStore(str(tmp_path / "store"), 2).set("rank-1", "yours")
    with pytest.raises(
        MismatchError, match="rank 1 of the learner: expected the configuration with digest mine, found y"
    ):
        meet_in(tmp_path)


def test_a_rank_that_has_ended_is_not_waited_for(tmp_path):
    def check() -> None:
        raise RankError("rank 1 has ended")

    with pytest.raises(RankError, match="has ended"):
        meet_in(tmp_path, check)


def test_who_is_told_to_stop_does_not_wait_for_the_others(tmp_path):
    stop = threading.Event()
    stop.set()
    with pytest.raises(UnavailableError, match="told to stop"):
        meet_in(tmp_path, stop=stop)
