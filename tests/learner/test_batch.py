"""From stored episodes to batches: against a brute-force twin that walks each episode step by step."""

import numpy as np
import pytest
import torch
from counting_world import SPEC, CountingWorld
from hypothesis import given
from hypothesis import strategies as st
from small_learner import make_curiosity

from actor.curiosity import arrived
from actor.episodes import EpisodeAccumulator
from learner.batch import Source, TransitionWindows
from protos import replay_pb2
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.networks.memory import Memory
from townlet.records import RecordLayout
from townlet.sample_call import Sampled

LAYOUT = RecordLayout.of(SPEC)
CPU = torch.device("cpu")
GAMMA = 0.9


def windows(n_step: int, truncation_bootstraps: bool = True, curious: bool = False) -> TransitionWindows:
    return TransitionWindows(
        LAYOUT,
        n_step=n_step,
        gamma=GAMMA,
        reward_scale=0.5,
        truncation_bootstraps=truncation_bootstraps,
        curious=curious,
    )


def sampled(asking: TransitionWindows, world: CountingWorld, count: int):
    """A batch of `count` windows out of a table that holds the world's first 60 steps.

    The novelty of a step is the square of the place that it led to.
    """
    table = Table(
        Arena(1000, LAYOUT.stride),
        UniformSampler(1000),
        RateLimiter(None, 1, 1.0),
        np.random.Generator(np.random.Philox(3)),
    )
    accumulator = EpisodeAccumulator(LAYOUT, world.lanes, 50, CPU)
    view, memory = world.reset(), Memory.empty(world.lanes, 0, CPU)
    for at in range(60):
        action = torch.full((world.lanes,), at % 3)
        step = world.step(action)
        for part in accumulator.add(view, memory, action, step, arrived(step)["place"][:, 1].square()):
            table.insert(0, part.records)
        view = step.view
    request = asking.request(count)
    slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]
    sample = table.sample(count, request.window.before, request.window.after, slices)
    response = replay_pb2.SampleResponse(
        windows=count, real_after=sample.real_after.astype("<u4").tobytes(), data=sample.data.tobytes()
    )
    columns = asking.read(Sampled.of(response), CPU)
    source = Source(np.zeros(count, np.uint64), np.zeros(count, np.int64))
    return asking.batch(columns, torch.ones(count), source)


@pytest.mark.parametrize("dies", [True, False])
@given(n_step=st.integers(1, 6), length=st.integers(1, 9))
def test_n_step_transitions_are_what_a_walk_through_the_episode_finds(dies, n_step, length):
    batch = sampled(windows(n_step), CountingWorld([length], dying=(0,) if dies else ()), 40)
    for row in range(40):
        start = int(batch.observation["place"][row, 1])
        steps = min(n_step, length - start)
        expected = sum(GAMMA**k * 0.5 * (start + k + 1) for k in range(steps))
        ended = dies and start + steps == length
        assert batch.reward[row].item() == pytest.approx(expected, rel=1e-5)
        assert batch.discount[row].item() == pytest.approx(0.0 if ended else GAMMA**steps, rel=1e-5)
        assert batch.next_observation["place"][row, 1].item() == start + steps
        assert batch.next_action_mask[row].tolist() == [True, True, (start + steps) % 2 == 0]


@given(n_step=st.integers(1, 6), length=st.integers(1, 9))
def test_for_curiosity_novelty_comes_raw_and_with_what_each_first_step_led_to(n_step, length):
    batch = sampled(windows(n_step, curious=True), CountingWorld([length]), 40)
    start = batch.observation["place"][:, 1]
    assert torch.equal(batch.novelty.observation["place"][:, 1], start + 1)
    assert torch.equal(batch.novelty.raw, (start + 1).square())
    for row in range(40):
        steps = min(n_step, length - int(start[row]))
        expected = sum(GAMMA**k * (int(start[row]) + k + 1) ** 2 for k in range(steps))
        assert batch.novelty.returns[row].item() == pytest.approx(expected, rel=1e-5)


def test_the_reward_of_a_curious_batch_is_scaled_and_weighed_once():
    """Pitfall 5, from the stored record to the batch that is learned from."""
    curiosity = make_curiosity(weight=0.25)
    batch = sampled(windows(1, curious=True), CountingWorld([9]), 64)
    curiosity.learn(batch)
    paid = curiosity.pay(batch)
    step = batch.observation["place"][:, 1] + 1  # pays as much, and is as new as its square
    deviation = step.square().numpy().std()
    torch.testing.assert_close(paid.reward, 0.5 * step + 0.25 / deviation * step.square(), rtol=1e-5, atol=1e-5)


def test_without_curiosity_nothing_more_travels():
    assert len(windows(5).request(1).slices) == 3
    assert len(windows(5, curious=True).request(1).slices) == 4
    assert sampled(windows(2), CountingWorld([4]), 5).novelty is None


def test_a_truncated_episode_bootstraps_unless_the_reward_says_that_the_cap_ends_the_value():
    world = CountingWorld([1])
    assert sampled(windows(3), world, 10).discount.tolist() == pytest.approx([GAMMA] * 10)
    assert sampled(windows(3, truncation_bootstraps=False), world, 10).discount.tolist() == [0.0] * 10


def test_observation_blocks_keep_their_names_and_dtypes():
    batch = sampled(windows(2), CountingWorld([4]), 5)
    assert {name: block.dtype for name, block in batch.observation.items()} == {
        "place": torch.float32,
        "mark": torch.uint8,
    }
    assert batch.observation.keys() == batch.next_observation.keys()


def test_only_the_parts_of_a_window_that_matter_travel():
    request = windows(5).request(1)
    size = sum(part.steps * part.size for part in request.slices)
    assert size < 6 * LAYOUT.stride
