"""What actors store of novelty: raw, and of what a step led to (pitfall 17)."""

import pytest
import torch
from counting_world import SPEC, CountingWorld

from actor.agent import Agent
from actor.curiosity import Curiosity, arrived
from actor.episodes import EpisodeAccumulator
from protos import policy_pb2
from townlet.curiosity import RndSettings
from townlet.errors import CheckpointError
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.networks.settings import MlpQSettings
from townlet.policy import encode_weights
from townlet.records import OBSERVATION, RecordLayout, decode
from townlet.subscribe_call import ReceivedPolicy

LAYOUT = RecordLayout.of(SPEC)
CPU = torch.device("cpu")


def make_distillation(seed: int = 0, hidden: tuple[int, ...] = (16,)) -> RandomDistillation:
    torch.manual_seed(seed)
    return RandomDistillation(RndSettings(hidden=hidden, embedding=8), SPEC)


def make_agent(lanes: int, curiosity: Curiosity | None) -> Agent:
    network = build_network(MlpQSettings(hidden=(8,)), SPEC)
    return Agent(network, lanes, 0, torch.Generator().manual_seed(0), curiosity)


def make_policy(agent: Agent, distillation: RandomDistillation) -> ReceivedPolicy:
    exploration = policy_pb2.Exploration(ladder=policy_pb2.Ladder(lanes=2, base=0.4, exponent=7.0))
    weights = encode_weights(agent._acting.network)
    known = encode_weights(distillation)
    return ReceivedPolicy.of(policy_pb2.Policy(version=3, weights=weights, exploration=exploration, curiosity=known))


def live(world: CountingWorld, agent: Agent, steps: int, part_length: int = 50) -> list[dict[str, torch.Tensor]]:
    """The columns of the episodes and parts that so many steps of the world complete."""
    accumulator = EpisodeAccumulator(LAYOUT, world.lanes, part_length, CPU)
    view, parts = world.reset(), []
    for _ in range(steps):
        action = agent.act(view)
        step = world.step(action)
        parts += accumulator.add(view, agent.memory, action, step, agent.novelty(step))
        view = step.view
    records = [torch.frombuffer(bytearray(part.records), dtype=torch.uint8) for part in parts]
    span = LAYOUT.span(LAYOUT.fields[0].name, "truncated")
    return [decode(part.view(-1, LAYOUT.stride), span) for part in records]


def observed(columns: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {n.removeprefix(OBSERVATION): column for n, column in columns.items() if n.startswith(OBSERVATION)}


@torch.no_grad()
@pytest.mark.parametrize("part_length", [50, 4])
def test_each_step_is_stored_with_the_novelty_of_what_it_led_to(part_length):
    distillation = make_distillation()
    world = CountingWorld([3, 5, 7], dying=(1,))
    parts = live(world, make_agent(3, Curiosity(distillation)), steps=21, part_length=part_length)
    assert len(parts) >= 7 + 4 + 3
    for columns in parts:
        novelty = distillation(observed(columns))
        torch.testing.assert_close(columns["intrinsic_reward"][:-1], novelty[1:])
        assert not torch.allclose(columns["intrinsic_reward"][:-1], novelty[:-1])
        assert columns["intrinsic_reward"][-1] == 0.0


def test_a_finished_lane_led_to_its_final_view_and_not_to_its_next_first_one():
    world = CountingWorld([2, 3])
    world.reset()
    world.step(torch.zeros(2, dtype=torch.int64))
    step = world.step(torch.zeros(2, dtype=torch.int64))
    assert step.view.observation["place"].tolist() == [[0.0, 0.0], [1.0, 2.0]]
    assert arrived(step)["place"].tolist() == [[0.0, 2.0], [1.0, 2.0]]
    assert arrived(step)["mark"].tolist() == [[0], [0]]
    assert step.view.observation["place"].tolist() == [[0.0, 0.0], [1.0, 2.0]]  # no step is written to


def test_what_is_known_comes_with_the_policy():
    asked = CountingWorld([9, 9])
    asked.reset()
    step = asked.step(torch.zeros(2, dtype=torch.int64))
    mine, learned = make_distillation(0), make_distillation(1)
    agent = make_agent(2, Curiosity(mine))
    agent.adopt(make_policy(agent, learned))
    assert agent.novelty(step).tolist() == learned(arrived(step)).tolist()


def test_what_does_not_fit_is_refused_by_name():
    agent = make_agent(2, Curiosity(make_distillation()))
    with pytest.raises(CheckpointError, match=r"policy 3, curiosity: \S+: expected float32"):
        agent.adopt(make_policy(agent, make_distillation(hidden=(9,))))
    empty = make_policy(agent, make_distillation())
    empty.rest.curiosity = b""
    with pytest.raises(CheckpointError, match="policy 3, curiosity: expected weights in the safetensors format"):
        agent.adopt(empty)


def test_without_curiosity_nothing_is_computed_and_zeros_are_stored():
    agent = make_agent(2, None)
    for columns in live(CountingWorld([3, 4]), agent, steps=12):
        assert columns["intrinsic_reward"].count_nonzero() == 0
