"""An actor that was captured and taken up lives on as the one that was not."""

import pytest
import torch
from run_process import CONFIGS

from actor.agent import Agent
from actor.curiosity import Curiosity
from actor.episodes import EpisodeAccumulator
from actor.schooling import Schooling
from actor.state import ActorState
from actor.tally import Tally
from protos import policy_pb2
from townlet.checkpoint.state import decode_state, encode_state
from townlet.config_file import load_config
from townlet.curriculum.build import build_curriculum
from townlet.errors import CheckpointError
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.policy import encode_weights
from townlet.records import RecordLayout
from townlet.worlds.build import build_world, world_spec

CPU = torch.device("cpu")
LANES = 6
KINDS = {
    "feed-forward": ("L1_full.yaml", "world.step_cap=40"),
    "recurrent": ("L2R_recurrent.yaml", "world.step_cap=40"),
    "curious": ("L3_curious.yaml", "world.step_cap=40", "actor.part_length=16"),
    "in school": ("L3_adversarial.yaml", "curriculum.min_episodes_at_stage=1", "curriculum.window_episodes=1"),
}


class Books:
    """What the reporter is told."""

    def __init__(self):
        self.environment_steps = self.dropped_episodes = 0
        self.lanes_at_stage = []
        self.told = []

    def add_episode(self, *ended):
        self.told.append(ended)

    def add_stage_change(self, change):
        self.told.append(change)


class Actor:
    """An actor without services. seed: of its network and its exploration."""

    def __init__(self, kind: str, seed: int):
        self.config = config = load_config(CONFIGS / KINDS[kind][0], KINDS[kind][1:])
        spec = world_spec(config)
        layout = RecordLayout.of(spec, config.memory)
        torch.manual_seed(seed)
        difficulties = config.curriculum.difficulties
        self.world = build_world(config, LANES, seed, 0, difficulties)
        curiosity = Curiosity(RandomDistillation(config.curiosity, spec)) if config.curiosity else None
        generator = torch.Generator().manual_seed(seed)
        self.agent = Agent(build_network(config.network, spec), config.exploration, LANES, 0, generator, curiosity)
        self.episodes = EpisodeAccumulator(layout, LANES, config.steps_per_part, CPU, config.memory)
        self.books = Books()
        self.tally = Tally(self.books, LANES, CPU)
        set_difficulty = self.world.set_difficulty if difficulties else None
        caps = [each.step_cap or spec.step_cap for each in difficulties] or [spec.step_cap]
        self.schooling = Schooling(
            build_curriculum(config.curriculum, LANES), set_difficulty, caps, self.books, LANES, CPU
        )
        self.state = ActorState(
            world=self.world, agent=self.agent, episodes=self.episodes, tally=self.tally, schooling=self.schooling
        )

    def adopt(self, seed: int) -> None:
        torch.manual_seed(seed)
        spec = world_spec(self.config)
        network = build_network(self.config.network, spec)
        rnd = encode_weights(RandomDistillation(self.config.curiosity, spec)) if self.config.curiosity else b""
        policy = policy_pb2.Policy(version=seed, weights=encode_weights(network), curiosity=rnd)
        policy.exploration.ladder_lanes = LANES
        self.agent.adopt(policy)

    def live(self, steps: int) -> list[object]:
        """What comes of so many steps: actions, rewards, records, what was told."""
        seen: list[object] = []
        view = self.world.view()
        for _ in range(steps):
            action = self.agent.act(view)
            step = self.world.step(action)
            parts = self.episodes.add(view, self.agent.memory, action, step, self.agent.novelty(step))
            self.agent.remember(action, step)
            self.tally.add(step)
            self.schooling.add(view, self.agent.epsilon, step)
            view = step.view
            seen.append((action.tolist(), step.reward.tolist(), [(part.lane, part.records) for part in parts]))
        told, self.books.told = self.books.told, []
        return [*seen, *told]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [0, 1, 70, 333])
def test_an_actor_that_is_taken_up_lives_on_as_the_one_that_was_captured(kind, steps):
    actor, other = Actor(kind, seed=1), Actor(kind, seed=2)
    actor.world.reset()
    actor.adopt(7)
    actor.live(steps)
    saved = decode_state(*encode_state(actor.state.capture()), "test")
    other.state.take_up(saved)
    assert other.live(120) == actor.live(120)
    assert encode_state(other.state.capture()) == encode_state(actor.state.capture())
    assert other.agent.policy_version == 7


def test_what_was_captured_is_not_written_to_by_later_steps():
    actor = Actor("recurrent", seed=1)
    actor.world.reset()
    actor.adopt(7)
    actor.live(50)
    saved = actor.state.capture()
    before = encode_state(saved)
    actor.live(60)
    assert encode_state(saved) == before


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda saved: saved.pop("world"), "saved actor: world is missing"),
        (lambda saved: saved["agent"].pop("generator"), "saved agent: generator is missing"),
        (lambda saved: saved["agent"]["network"].popitem(), "saved agent: .* is missing"),
        (lambda saved: saved["agent"]["memory"].update(state=torch.zeros(1)), r"saved memory: state: expected float32"),
        (lambda saved: saved["episodes"].update(records=torch.zeros(1, 2)), r"saved episodes: records: expected uint8"),
        (lambda saved: saved["episodes"]["steps"].fill_(99), "saved episodes: steps: expected values from 0 to 39"),
        (lambda saved: saved["episodes"]["steps"].fill_(1), "saved episodes: records: expected 6 of them"),
        (lambda saved: saved["tally"].clear(), "saved tally: returns is missing"),
    ],
)
def test_what_is_no_actors_state_is_refused_by_name(damage, message):
    actor = Actor("recurrent", seed=1)
    actor.world.reset()
    actor.adopt(7)
    actor.live(20)
    saved = actor.state.capture()
    damage(saved)
    with pytest.raises(CheckpointError, match=message):
        Actor("recurrent", seed=2).state.take_up(saved)
