"""From steps to episodes: whole, once, and alike at death and at the cap (pitfalls 8 to 10)."""

import pytest
import torch
from counting_world import SPEC, CountingWorld

from actor.episodes import EpisodeAccumulator, Part
from townlet.errors import NumericalError
from townlet.networks.memory import Memory
from townlet.records import RecordLayout, decode
from townlet.worlds.interface import Step

LAYOUT = RecordLayout.of(SPEC)
CPU = torch.device("cpu")


def live(world: CountingWorld, steps: int, part_length: int = 50) -> list[Part]:
    """What the accumulator gives out over so many steps of the world."""
    accumulator = EpisodeAccumulator(LAYOUT, world.lanes, part_length, CPU)
    view, parts = world.reset(), []
    for at in range(steps):
        action = torch.full((world.lanes,), at % 3)
        step = world.step(action)
        parts += accumulator.add(view, Memory.empty(world.lanes, 0, CPU), action, step)
        view = step.view
    return parts


def read(part: Part) -> dict[str, torch.Tensor]:
    records = torch.frombuffer(bytearray(part.records), dtype=torch.uint8).view(-1, LAYOUT.stride)
    return decode(records, LAYOUT.span(LAYOUT.fields[0].name, "truncated"))


@pytest.mark.parametrize("dying", [(), (0, 1)])
def test_an_episode_leaves_whole_with_its_final_observation_whether_by_death_or_at_the_cap(dying):
    parts = live(CountingWorld([3, 5], dying), steps=7)
    assert [(part.lane, len(part.records) // LAYOUT.stride - 1) for part in parts] == [(0, 3), (1, 5), (0, 3)]
    columns = read(parts[1])
    assert columns["observation.place"].tolist() == [[1.0, float(step)] for step in range(6)]
    assert columns["reward"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 0.0]
    assert columns["action"].tolist() == [0, 1, 2, 0, 1, 0]
    end = [False] * 4 + [True, False]
    assert columns["terminated"].tolist() == (end if dying else [False] * 6)
    assert columns["truncated"].tolist() == ([False] * 6 if dying else end)


def test_the_next_episode_of_a_lane_begins_clean():
    first, second, *_ = live(CountingWorld([3]), steps=6)
    assert set(read(first)["observation.mark"].flatten().tolist()) == {0}
    assert set(read(second)["observation.mark"].flatten().tolist()) == {1}
    assert len(second.records) == 4 * LAYOUT.stride


def test_every_step_is_in_exactly_one_episode():
    """Pitfall 9: a lane that is dead and stepped all the same would leave one-step junk episodes."""
    world = CountingWorld([3, 4, 7], dying=(0, 2))
    parts = live(world, steps=84)
    assert len(parts) == 84 // 3 + 84 // 4 + 84 // 7
    assert sum(len(part.records) // LAYOUT.stride - 1 for part in parts) == 3 * 84
    assert world.resets == 3 + len(parts)


def test_a_record_carries_the_mask_under_which_its_action_was_chosen():
    columns = read(live(CountingWorld([4]), steps=4)[0])
    assert columns["action_mask"][:, 2].tolist() == [True, False, True, False, True]


def test_a_very_long_episode_leaves_in_parts_that_share_their_joint():
    parts = live(CountingWorld([10], dying=(0,)), steps=10, part_length=4)
    columns = [read(part) for part in parts]
    assert [len(c["reward"]) - 1 for c in columns] == [4, 4, 2]
    assert [c["observation.place"][:, 1].tolist() for c in columns] == [
        [0, 1, 2, 3, 4],
        [4, 5, 6, 7, 8],
        [8, 9, 10],
    ]
    assert [c["terminated"].any().item() for c in columns] == [False, False, True]
    assert torch.cat([c["reward"][:-1] for c in columns]).tolist() == [float(n) for n in range(1, 11)]


def test_lanes_of_different_age_leave_in_parts_each_at_its_own_time():
    parts = live(CountingWorld([6, 9]), steps=18, part_length=4)
    lengths = {lane: [len(p.records) // LAYOUT.stride - 1 for p in parts if p.lane == lane] for lane in (0, 1)}
    assert lengths == {0: [4, 2, 4, 2, 4, 2], 1: [4, 4, 1, 4, 4, 1]}


def test_an_episode_that_ends_exactly_where_a_part_is_full_leaves_once():
    parts = live(CountingWorld([4]), steps=8, part_length=4)
    assert [len(part.records) // LAYOUT.stride - 1 for part in parts] == [4, 4]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_reward_that_is_not_finite_is_refused_and_named(value):
    class Broken(CountingWorld):
        def step(self, action):
            step = super().step(action)
            reward = torch.where(step.reward == 2.0, value, step.reward)
            return Step(step.view, reward, step.terminated, step.truncated, step.finished)

    with pytest.raises(NumericalError, match=f"lane 0, step 1 of its episode: reward: .* found {value}"):
        live(Broken([3]), steps=3)


class Failing(CountingWorld):
    """Lane 0's environment fails in the given steps, counted from 1."""

    def __init__(self, lengths: list[int], failing: tuple[int, ...]) -> None:
        super().__init__(lengths)
        self._failing = failing
        self._taken = 0

    def step(self, action):
        step = super().step(action)
        self._taken += 1
        if self._taken not in self._failing:
            return step
        self._steps = torch.where(torch.arange(self.lanes) == 0, 0, self._steps)
        self._episodes = self._episodes + (torch.arange(self.lanes) == 0)
        return Step(self.view(), step.reward, step.terminated, step.truncated, step.finished, torch.tensor([0]))


def test_a_dropped_episode_leaves_nothing_behind_and_the_others_go_on():
    parts = live(Failing([4, 5], failing=(3,)), steps=7)
    assert [(part.lane, len(part.records) // LAYOUT.stride - 1) for part in parts] == [(1, 5), (0, 4)]
    columns = read(parts[1])
    assert columns["observation.mark"].flatten().tolist() == [1] * 5
    assert columns["reward"].tolist() == [1.0, 2.0, 3.0, 4.0, 0.0]
    assert read(parts[0])["reward"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 0.0]


def test_an_episode_dropped_where_a_part_would_be_full_leaves_no_part():
    parts = live(Failing([9, 9], failing=(4,)), steps=8, part_length=4)
    assert [(part.lane, len(part.records) // LAYOUT.stride - 1) for part in parts] == [(1, 4), (0, 4), (1, 4)]
    assert read(parts[1])["observation.mark"].flatten().tolist() == [1] * 5
