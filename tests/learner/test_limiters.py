"""A shard is told the ratio that it shall hold, once, and again when it has forgotten it."""

import asyncio
from pathlib import Path

import grpc
import grpc.aio
import pytest

from learner.limiters import Limiters
from protos import replay_pb2 as pb
from townlet.config_file import load_config, override_config

L0 = Path(__file__).parents[2] / "configs" / "L0_minimal.yaml"
CONFIG = load_config(L0, ["replay.samples_per_insert=2"])


class Shard:
    """A shard as its client sees it. told: what it was told to hold."""

    def __init__(self, ratio: float | None, known: bool = True) -> None:
        self.ratio, self.known, self.away = ratio, known, False
        self.told: list[tuple[float | None, float]] = []

    async def Stats(self, request, timeout):
        if self.away:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "away")
        layout = pb.Layout(stride=1, digest="x") if self.known else None
        return pb.StatsResponse(layout=layout, samples_per_insert=self.ratio)

    async def SetLimiter(self, request, timeout):
        self.ratio = request.samples_per_insert if request.HasField("samples_per_insert") else None
        self.told.append((self.ratio, request.tolerance))


def look(shard: Shard, config, times: int = 1) -> list[tuple[float | None, float]]:
    async def scenario():
        limiters = Limiters(lambda: config, [shard, shard])
        for _ in range(times):
            await limiters.look(shard)

    asyncio.run(scenario())
    return shard.told


def test_a_shard_is_told_what_is_other_than_it_holds_with_its_share_of_the_tolerance():
    steered = override_config(CONFIG, {"replay.samples_per_insert": "4"})
    assert look(Shard(2.0), CONFIG) == []
    assert look(Shard(2.0), steered, times=3) == [(4.0, steered.tolerance / 2)]
    assert steered.tolerance > CONFIG.tolerance


@pytest.mark.parametrize(("held", "text"), [(2.0, "null"), (None, "2")])
def test_both_sides_may_be_let_free_and_held_again(held, text):
    steered = override_config(CONFIG, {"replay.samples_per_insert": text})
    assert [ratio for ratio, _ in look(Shard(held), steered, times=2)] == [steered.replay.samples_per_insert]


def test_a_shard_that_is_away_or_knows_nothing_yet_is_told_later():
    shard = Shard(None, known=False)
    assert look(shard, CONFIG) == []
    shard.known, shard.away = True, True
    assert look(shard, CONFIG) == []
    shard.away = False
    assert [ratio for ratio, _ in look(shard, CONFIG)] == [2.0]
