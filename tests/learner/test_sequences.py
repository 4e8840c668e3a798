"""From stored episodes to sequences: against a brute-force twin that walks each episode step by step."""

import numpy as np
import pytest
import torch
from counting_world import SPEC, CountingWorld
from hypothesis import given, settings
from hypothesis import strategies as st

from actor.curiosity import arrived
from actor.episodes import EpisodeAccumulator
from learner.batch import Source
from learner.sequences import SequenceBatch, SequenceWindows
from protos import replay_pb2
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.networks.memory import Inputs, Memory
from townlet.records import RecordLayout
from townlet.sample_call import Sampled
from townlet.specs import MemorySpec

MEMORY = MemorySpec(state_size=4, period=2)
LAYOUT = RecordLayout.of(SPEC, MEMORY)
CPU = torch.device("cpu")
GAMMA = 0.9


def windows(burn_in=4, unroll=3, n_step=2, truncation_bootstraps=True, curious=False, memory=MEMORY) -> SequenceWindows:
    return SequenceWindows(
        RecordLayout.of(SPEC, memory),
        memory,
        burn_in=burn_in,
        unroll=unroll,
        n_step=n_step,
        gamma=GAMMA,
        reward_scale=0.5,
        truncation_bootstraps=truncation_bootstraps,
        curious=curious,
    )


def state_at(step: float) -> list[float]:
    """The recurrent state with which the make-believe network comes to a step of its episode."""
    return [0.0] * 4 if step == 0 else [step + 0.1, step + 0.2, step + 0.3, step + 0.4]


def sampled(asking: SequenceWindows, world: CountingWorld, count: int, part_length: int = 50) -> SequenceBatch:
    """A batch of `count` windows out of a table that holds the world's first 60 steps.

    The novelty of a step is the square of the place that it led to.
    """
    sampler = UniformSampler(1000, asking.memory.period)
    generator = np.random.Generator(np.random.Philox(3))
    table = Table(
        Arena(1000, asking.layout.stride), sampler, RateLimiter(None, 1, 1.0), generator, asking.memory.period
    )
    accumulator = EpisodeAccumulator(asking.layout, world.lanes, part_length, CPU, asking.memory)
    view, memory = world.reset(), Memory.empty(world.lanes, asking.memory.state_size, CPU)
    for at in range(60):
        action = torch.full((world.lanes,), at % 3)
        steps = view.observation["place"][:, 1].tolist()
        memory = Memory(torch.tensor([state_at(n) for n in steps]), memory.previous_action, memory.previous_reward)
        step = world.step(action)
        for part in accumulator.add(view, memory, action, step, arrived(step)["place"][:, 1].square()):
            table.insert(0, part.records)
        memory = memory.after(memory.state, action, step)
        view = step.view
    request = asking.request(count)
    slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]
    sample = table.sample(count, request.window.before, request.window.after, slices)
    response = replay_pb2.SampleResponse(
        windows=count,
        real_before=sample.real_before.astype("<u4").tobytes(),
        real_after=sample.real_after.astype("<u4").tobytes(),
        data=sample.data.tobytes(),
    )
    source = Source(np.zeros(count, np.uint64), np.zeros(count, np.int64))
    return asking.batch(asking.read(Sampled.of(response), CPU), torch.ones(count), source)


def unrolled(batch: SequenceBatch) -> Inputs:
    """From the first unrolled step on."""
    return batch.window.steps(batch.burn_in_steps, batch.window.previous_action.shape[1])


@settings(deadline=None, max_examples=40)
@given(dies=st.booleans(), length=st.integers(1, 14), n_step=st.integers(1, 4), burn_in=st.sampled_from([2, 4]))
def test_sequences_are_what_a_walk_through_the_episode_finds(dies, length, n_step, burn_in):
    batch = sampled(windows(burn_in, 3, n_step), CountingWorld([length], dying=(0,) if dies else ()), 30)
    for row in range(30):
        start = int(unrolled(batch).observation["place"][row, 0, 1])
        assert start % MEMORY.period == 0
        before = min(burn_in, start)
        assert batch.burn_in_real[row].tolist() == [False] * (burn_in - before) + [True] * before
        warming = batch.window.observation["place"][row, burn_in - before : burn_in, 1]
        assert warming.tolist() == list(range(start - before, start))
        assert batch.state[row].tolist() == pytest.approx(state_at(start - before))
        for at in range(3):
            step, alive = start + at, start + at < length
            assert batch.valid[row, at].item() == alive
            if not alive:
                continue
            assert unrolled(batch).observation["place"][row, at, 1].item() == step
            assert unrolled(batch).previous_reward[row, at].item() == step  # the counting world pays 1, 2, 3 ...
            steps = min(n_step, length - step)
            expected = sum(GAMMA**k * 0.5 * (step + k + 1) for k in range(steps))
            ended = dies and step + steps == length
            assert batch.reward[row, at].item() == pytest.approx(expected, rel=1e-5)
            assert batch.discount[row, at].item() == pytest.approx(0.0 if ended else GAMMA**steps, rel=1e-5)
            there = int(batch.bootstrap_step[row, at])
            assert unrolled(batch).observation["place"][row, there, 1].item() == step + steps
            assert batch.action_mask[row, there].tolist() == [True, True, (step + steps) % 2 == 0]


@pytest.mark.parametrize("period", [3, 5])
def test_a_state_that_does_not_divide_into_equal_parts_is_read_back_whole(period):
    asking = windows(burn_in=period, memory=MemorySpec(state_size=4, period=period))
    batch = sampled(asking, CountingWorld([13]), 30)
    starts = unrolled(batch).observation["place"][:, 0, 1].tolist()
    assert set(starts) == set(range(0, 13, period))
    for row, start in enumerate(starts):
        assert batch.state[row].tolist() == pytest.approx(state_at(max(0, start - period)))


@given(length=st.integers(1, 14), n_step=st.integers(1, 4))
def test_for_curiosity_novelty_comes_raw_and_with_what_each_valid_step_led_to(length, n_step):
    batch = sampled(windows(n_step=n_step, curious=True), CountingWorld([length]), 30)
    place = unrolled(batch).observation["place"][:, :3, 1]
    came_to = (place + 1)[batch.valid]
    assert torch.equal(batch.novelty.observation["place"][:, 1], came_to)
    assert torch.equal(batch.novelty.raw, came_to.square())
    assert len(batch.novelty.raw) == batch.valid.sum()
    assert batch.novelty.returns.shape == batch.reward.shape
    for row, at in torch.nonzero(batch.valid).tolist():
        step = int(place[row, at])
        expected = sum(GAMMA**k * (step + k + 1) ** 2 for k in range(min(n_step, length - step)))
        assert batch.novelty.returns[row, at].item() == pytest.approx(expected, rel=1e-5)


def test_without_curiosity_a_batch_has_no_novelty():
    assert sampled(windows(), CountingWorld([4]), 5).novelty is None


def test_previous_actions_are_those_that_were_done_and_none_at_the_start():
    batch = sampled(windows(), CountingWorld([60]), 40, part_length=60)
    for row in range(40):
        start = int(unrolled(batch).observation["place"][row, 0, 1])
        steps = [step for step in range(start, start + 5) if step < 60]
        done = [0 if step == 0 else (step - 1) % 3 + 1 for step in steps]
        assert unrolled(batch).previous_action[row, : len(steps)].tolist() == done


def test_short_episodes_leave_some_steps_of_the_mask_false():
    """Pitfall 4: were starts kept inside, the mask would be all true and prove nothing."""
    batch = sampled(windows(), CountingWorld([2]), 20)
    assert not batch.valid.all()
    assert batch.valid.any()
    assert not batch.burn_in_real.any()


def test_a_later_part_of_a_long_episode_starts_from_its_stored_state():
    batch = sampled(windows(), CountingWorld([60]), 60, part_length=20)
    first = unrolled(batch).observation["place"][:, 0, 1]
    at_part = (first % 20 == 0) & (first > 0)
    assert at_part.any()
    assert not batch.burn_in_real[at_part].any()
    for row in torch.nonzero(at_part).flatten().tolist():
        assert batch.state[row].tolist() == pytest.approx(state_at(float(first[row])))


def test_a_truncated_episode_bootstraps_unless_the_reward_says_that_the_cap_ends_the_value():
    last = sampled(windows(), CountingWorld([1]), 5)
    assert last.discount[:, 0].tolist() == pytest.approx([GAMMA] * 5)
    ended = sampled(windows(truncation_bootstraps=False), CountingWorld([1]), 5)
    assert ended.discount[:, 0].tolist() == [0.0] * 5
