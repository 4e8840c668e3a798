"""An actor without services."""

import torch
from run_process import CONFIGS

from actor.agent import Agent
from actor.curiosity import Curiosity
from actor.episodes import EpisodeAccumulator
from actor.schooling import Schooling
from actor.state import ActorState
from actor.tally import Tally
from protos import policy_pb2
from townlet.config_file import load_config
from townlet.curriculum.build import build_curriculum
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.policy import encode_weights
from townlet.records import RecordLayout
from townlet.subscribe_call import ReceivedPolicy
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


class SmallActor:
    """Six lanes of one of the kinds. seed: of its network and its exploration."""

    def __init__(self, kind: str, seed: int):
        self.config = config = load_config(CONFIGS / KINDS[kind][0], KINDS[kind][1:])
        spec = world_spec(config)
        layout = RecordLayout.of(spec, config.memory)
        torch.manual_seed(seed)
        difficulties = config.curriculum.difficulties
        self.world = build_world(config, LANES, seed, 0, difficulties)
        curiosity = Curiosity(RandomDistillation(config.curiosity, spec)) if config.curiosity else None
        generator = torch.Generator().manual_seed(seed)
        self.agent = Agent(build_network(config.network, spec), LANES, 0, generator, curiosity)
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
        policy.exploration.ladder.CopyFrom(policy_pb2.Ladder(lanes=LANES, base=0.4, exponent=7.0))
        self.agent.adopt(ReceivedPolicy.of(policy))

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
