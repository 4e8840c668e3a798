"""Claim: an actor's steps (act, step, record) are at least 0.6 times as many as bare forward passes, of many lanes.

So they are of L1's network with 4,096 lanes, and of an LSTM with 64. With few lanes the forward pass of a small network
takes as long as a few dozen operations, of any size, do: 0.15 ms for 64. A step has more than those, so that it takes
three times as long. With many the records count, each of which is written to a place far from all others.
On the same lanes, 64 as configured and more, one thread. The actor is built of its real parts, with a sink in place of
the append client, which takes episodes and forgets them; nothing is reported, as nobody listens. Beside it the world's
step alone, and how often torch can add two lanes' worth of numbers: one operation.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from actor.agent import Agent
from actor.append_client import AppendClient
from actor.episodes import EpisodeAccumulator
from actor.life import Life
from actor.reporter import Reporter
from actor.schooling import Schooling
from actor.tally import Tally
from bench.rounds import Case, Options, Ratio, calls_per_s, compare, options
from bench.step_profile import print_profile
from protos import control_pb2, policy_pb2
from townlet.arithmetic import calculate
from townlet.config import Config
from townlet.config_file import load_config
from townlet.curriculum.build import build_curriculum
from townlet.networks.build import build_network
from townlet.networks.memory import Memory
from townlet.policy import encode_weights
from townlet.records import RecordLayout
from townlet.subscribe_call import ReceivedPolicy
from townlet.worlds.build import build_world, world_spec

LANES = {Path("configs/L1_full.yaml"): (64, 512, 4096), Path("configs/L2_recurrent.yaml"): (64, 512)}
WARM_UP_STEPS = 300
"""Until episodes end in most steps."""
NOBODY = "127.0.0.1:1"


class Sink:
    """Takes episodes as a replay service would that is never behind."""

    def append(self, records: bytes) -> None:
        """Forget an episode."""


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__)
    for path, counts in LANES.items():
        for lanes in counts:
            measure(path, lanes, chosen)


def measure(path: Path, lanes: int, chosen: Options) -> None:
    """The actor of a level and its network alone, in turn."""
    calculate(threads=1)
    config = load_config(path, [f"actor.lanes={lanes}"])
    live = _actor(config)
    for _ in range(WARM_UP_STEPS):
        live()
    if chosen.profile:
        print_profile(f"{path.stem}, {lanes} lanes", live)

    def case(name: str, work: Callable[[], object]) -> Case:
        return Case(name, "steps/s", lambda: calls_per_s(work, chosen.seconds))

    cases = [
        case("actor", live),
        case("forward pass", _forward(config)),
        case("world's step", _world(config)),
        case("one addition", _addition(lanes)),
    ]
    ratios = [Ratio("actor / forward pass", "actor", "forward pass")]
    compare(f"{path.stem}: {lanes} lanes, one thread", cases, ratios, chosen)


def _actor(config: Config) -> Callable[[], None]:
    """One step of a whole actor."""
    spec, lanes = world_spec(config), config.actor.lanes
    world = build_world(config, lanes, config.seed)
    world.reset()
    network = build_network(config.network, spec)
    agent = Agent(network, lanes, 0, torch.Generator().manual_seed(config.seed))
    episodes = EpisodeAccumulator(
        RecordLayout.of(spec, config.memory), lanes, config.steps_per_part, world.device, config.memory
    )
    join = control_pb2.JoinRequest(run=config.run.name, role=control_pb2.ROLE_ACTOR, lanes=lanes)
    reporter = Reporter(NOBODY, join, 1.0, threading.Event(), None)
    schooling = Schooling(
        build_curriculum(config.curriculum, lanes), None, [spec.step_cap], reporter, lanes, world.device
    )
    tally = Tally(reporter, lanes, world.device)
    life = Life(world, agent, episodes, cast(AppendClient, Sink()), reporter, tally, schooling)
    policy = policy_pb2.Policy(version=1, weights=encode_weights(network))
    policy.exploration.ladder.CopyFrom(policy_pb2.Ladder(lanes=lanes, base=0.4, exponent=7.0))
    life.adopt(ReceivedPolicy.of(policy))
    return life.step


def _forward(config: Config) -> Callable[[], object]:
    """One forward pass for all lanes, of what they see first."""
    spec, lanes = world_spec(config), config.actor.lanes
    world = build_world(config, lanes, config.seed)
    network = build_network(config.network, spec).eval().requires_grad_(False)
    seen, memory = world.reset().observation, Memory.empty(lanes, network.state_size, world.device)

    @torch.no_grad()
    def forward() -> object:
        return network.step(seen, memory)

    return forward


def _world(config: Config) -> Callable[[], object]:
    """One step of the world, every lane doing in turn what there is to do."""
    world = build_world(config, config.actor.lanes, config.seed)
    world.reset()
    actions = torch.arange(config.actor.lanes) % world.spec.actions
    return lambda: world.step(actions)


def _addition(lanes: int) -> Callable[[], object]:
    one, other = torch.zeros(2, lanes)
    return lambda: one + other


if __name__ == "__main__":
    main()
