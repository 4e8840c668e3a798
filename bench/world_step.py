"""Claim: on one core, 4,096 lanes of the Hamlet world make at least 5 times the steps of the same rules in plain NumPy.

With typed views it is 6 times. That is with compiled rules; by tensors, as on GPUs, they make twice as many, and three
times with typed views. The plain ones are in `bench.plain_hamlet`. L3's rules with masks; everything that acting needs
counts: choosing random valid actions, the step, resets and observations. Beside it a copy of the bytes of the same
lanes' state.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.plain_hamlet import PlainHamlet
from bench.rounds import Case, Options, Ratio, calls_per_s, compare, options
from bench.step_profile import print_profile
from townlet.arithmetic import calculate
from townlet.config_file import load_config
from townlet.worlds.hamlet.baselines import uniform_random
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.world import HamletWorld

LEVEL = Path("configs/L3_temporal.yaml")
LANES = 4096
OBSERVATIONS = ("classic", "typed")
COPY = "memcpy of the state"


def main() -> None:
    """Measure, print, and on request say where the time goes."""
    measure(LANES, options(__doc__))


def measure(lanes: int, chosen: Options) -> None:
    """Ours, the plain one and the copy in turn."""
    calculate(threads=1)
    steppers = {observation: stepper(observation, lanes) for observation in OBSERVATIONS}
    if chosen.profile:
        for observation, step in steppers.items():
            print_profile(observation, step)

    def lane_steps(work: Callable[[], None]) -> Callable[[], float]:
        return lambda: lanes * calls_per_s(work, chosen.seconds)

    cases, ratios = [], []
    for observation, step in steppers.items():
        tensors, plain = f"{observation}, by tensors", f"{observation}, plain NumPy"
        cases += [
            Case(observation, "lane-steps/s", lane_steps(step)),
            Case(tensors, "lane-steps/s", lane_steps(stepper(observation, lanes, compiled=False))),
            Case(plain, "lane-steps/s", lane_steps(_plain_stepper(observation, lanes))),
        ]
        ratios += [
            Ratio(f"{observation} / plain", observation, plain),
            Ratio(f"{tensors} / plain", tensors, plain),
            Ratio(f"{observation} / memcpy", observation, COPY),
        ]
    cases.append(Case(COPY, "lane-steps/s", lane_steps(copier(lanes))))
    compare(f"world: L3, {lanes} lanes, one thread", cases, ratios, chosen)


def _level(observation: str) -> HamletSettings:
    settings = load_config(LEVEL, [f"world.observation={observation}"]).world
    assert isinstance(settings, HamletSettings), settings
    return settings


def stepper(observation: str, lanes: int, *, compiled: bool = True) -> Callable[[], None]:
    """One step of all lanes, with the choice of its actions. Warm: episodes end in every step."""
    world = HamletWorld(_level(observation), lanes, seed=1, compiled=compiled)
    choose = uniform_random(torch.Generator().manual_seed(1))
    view = world.reset()

    def step() -> None:
        nonlocal view
        view = world.step(choose(view)).view

    for _ in range(200):
        step()
    return step


def _plain_stepper(observation: str, lanes: int) -> Callable[[], None]:
    """The same of the plain world."""
    world, generator = PlainHamlet(_level(observation), lanes, seed=1), np.random.default_rng(1)
    _, mask = world.reset()

    def step() -> None:
        nonlocal mask
        mask = world.step(np.where(mask, generator.random(mask.shape), -1.0).argmax(axis=1)).mask

    for _ in range(200):
        step()
    return step


def copier(lanes: int) -> Callable[[], None]:
    """One copy of the bytes that a world's state takes."""
    world = HamletWorld(_level(OBSERVATIONS[0]), lanes, seed=1)
    world.reset()
    source = torch.cat([tensor.flatten().view(torch.uint8) for tensor in world.state_dict().values() if tensor.ndim])
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)

    return copy


if __name__ == "__main__":
    main()
