"""Over several real shards an item is drawn with its global probability, and the learner is told which one that is."""

import numpy as np
import pytest
import torch
from shard_process import LAYOUT, RUN, STRIDE, ShardProcess, episode

from learner.batch import Source
from learner.shards import Shards
from protos import replay_pb2 as pb
from townlet.launch.places import free_port

STEPS = (900, 90, 9)
"""Items of each shard, in one episode: shards of very different size."""
EXPONENT = 0.6

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def start(short_folder, redis_server):
    """Starts one filled shard for each number of items, and what draws from all of them."""
    started = []

    def start(sampler: str, steps: tuple[int, ...] = STEPS) -> tuple[Shards, list[ShardProcess]]:
        settings = ("replay.capacity=6000", f"replay.sampler={sampler}")
        processes = [
            ShardProcess(short_folder, redis_server.url, free_port(), *settings, index=index).start()
            for index in range(len(steps))
        ]
        started.extend(processes)
        for index, process in enumerate(processes):
            process.wait_until_serving()
            process.append(process.open(f"actor-{index}"), 0, [episode(index, steps[index])], actor=f"actor-{index}")
        addresses = tuple(process.address for process in processes)
        shards = Shards(addresses, np.random.Generator(np.random.Philox(7)), None)
        shards.draw(asking(500))()  # to know what they hold
        return shards, processes

    yield start
    for process in started:
        process.kill()
        process.channel.close()


def asking(windows: int) -> pb.SampleRequest:
    part = pb.Slice(steps=1, size=STRIDE)
    return pb.SampleRequest(
        run=RUN, layout_digest=LAYOUT.digest, window=pb.Window(after=1), slices=[part], windows=windows
    )


def draw(shards: Shards, windows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The shard, key and step of each item that was drawn, and its probability, as the learner has it."""
    rows = []
    for drawn in shards.draw(asking(windows))():
        data = np.frombuffer(drawn.sampled.data, np.uint8).reshape(-1, STRIDE)
        keys = np.frombuffer(drawn.sampled.rest.keys, "<u8")
        step = data[:, 4:8].copy().view("<u4").ravel()
        probability = drawn.share * np.frombuffer(drawn.sampled.rest.probabilities, "<f8")
        rows.append((np.full(len(keys), drawn.shard), keys, step, probability))
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


def check_draws(shards: Shards, exact: list[np.ndarray], draws: int = 10_000) -> None:
    """exact: of each shard, each item's global probability. Pearson's test, and what the learner is told."""
    counts = [np.zeros(len(of_shard)) for of_shard in exact]
    for _ in range(draws // 500):
        shard, _, step, told = draw(shards, 500)
        assert len(shard) == 500
        for index, of_shard in enumerate(exact):
            mine = shard == index
            np.testing.assert_allclose(told[mine], of_shard[step[mine]], rtol=1e-5)
            np.add.at(counts[index], step[mine], 1)
    expected = draws * np.concatenate(exact)
    assert expected.sum() == pytest.approx(draws)
    assert deviations(np.concatenate(counts), expected) < 4.0
    per_shard = [draws * of_shard.sum() for of_shard in exact]
    assert deviations(np.array([of_shard.sum() for of_shard in counts]), np.array(per_shard)) < 4.0


def deviations(found: np.ndarray, expected: np.ndarray) -> float:
    """How many standard deviations chi-square is above its mean; items too rare for the test count together."""
    assert not found[expected == 0.0].any()
    found, expected = found[expected > 0.0], expected[expected > 0.0]
    rare = expected < 5.0
    if rare.any():
        found = np.append(found[~rare], found[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    freedom = len(found) - 1
    return (((found - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom)


def uniform(steps: tuple[int, ...]) -> list[np.ndarray]:
    return [np.full(count, 1 / sum(steps)) for count in steps]


def test_uniform_draws_take_every_item_alike_also_after_a_shard_was_away(start):
    shards, processes = start("{kind: uniform}")
    check_draws(shards, uniform(STEPS))
    processes[1].kill()
    draw(shards, 500)  # fewer may come, now that one is away
    check_draws(shards, uniform((900, 0, 9)))
    processes[1].start().wait_until_serving()
    while shards.items[1] == 0:
        shards.draw(asking(0))()  # draws nothing, so that the draws stay the same however often it asks
    check_draws(shards, uniform(STEPS))


def test_prioritized_draws_take_every_item_by_its_share_of_all_priorities(start):
    shards, _ = start(f"{{kind: prioritized, exponent: {EXPONENT}}}")
    generator = np.random.default_rng(3)
    priorities = [generator.gamma(0.5, 4.0 * (1 + 9 * index), count) + 0.01 for index, count in enumerate(STEPS)]
    known = [np.zeros(count, bool) for count in STEPS]
    while not all(of_shard.all() for of_shard in known):  # until each item has been met, and told its priority
        shard, keys, step, _ = draw(shards, 2000)
        of_each = np.array([priorities[index][at] for index, at in zip(shard, step, strict=True)], np.float32)
        shards.update_priorities(Source(keys, shard), torch.from_numpy(of_each))
        for index, at in zip(shard, step, strict=True):
            known[index][at] = True
    for _ in range(2):
        shards.draw(asking(0))()  # the first carries the last priorities, the second hears what they make
    weights = [np.float32(of_shard).astype(np.float64) ** EXPONENT for of_shard in priorities]
    total = sum(of_shard.sum() for of_shard in weights)
    check_draws(shards, [of_shard / total for of_shard in weights])


def test_a_shard_that_was_all_but_empty_gets_its_share_as_soon_as_it_has_more(start):
    shards, processes = start("{kind: uniform}", (1500, 1))
    epoch = processes[1].open("actor-9")
    processes[1].append(epoch, 0, [episode(1, 1499)], actor="actor-9")
    for _ in range(3):
        draw(shards, 4)  # so few that the small one is hardly ever drawn from
    assert shards.items == [1500, 1500]
    shard, _, _, told = draw(shards, 1000)
    assert 400 < (shard == 1).sum() < 600
    np.testing.assert_allclose(told, 1 / 3000)
