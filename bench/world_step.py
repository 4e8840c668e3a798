"""How fast the Hamlet world steps on one core: `python -m bench.world_step [--json FILE] [--profile]`.

L3's rules with masks; everything that acting needs counts: choosing random valid actions, the step, resets and
observations. Each round also copies the bytes of the same lanes' state, so that a noisy machine shows in the ratio.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import torch
from torch.profiler import ProfilerActivity, profile

from townlet.config_file import load_config
from townlet.worlds.hamlet.baselines import uniform_random
from townlet.worlds.hamlet.world import HamletWorld

LEVEL = Path(__file__).parent.parent / "configs" / "L3_temporal.yaml"
OBSERVATIONS = ("classic", "typed")
COPY = "memcpy of the state"


def main() -> None:
    """Measure, print a table, and on request keep it or say where the time goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100, help="steps a round")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--profile", action="store_true", help="show the costliest operations of each kind")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    steppers = {observation: _stepper(observation, arguments.lanes) for observation in OBSERVATIONS}
    if arguments.profile:
        for observation, step in steppers.items():
            _profile(observation, step, arguments.steps)
    rates = _measure({**steppers, COPY: _copier(arguments.lanes)}, arguments.rounds, arguments.steps, arguments.lanes)
    _print(rates)
    if arguments.json:
        arguments.json.write_text(json.dumps({"lanes": arguments.lanes, "lane_steps_per_s": rates}, indent=2) + "\n")


def _world(observation: str, lanes: int) -> HamletWorld:
    return HamletWorld(load_config(LEVEL, [f"world.observation={observation}"]).world, lanes, seed=1)


def _stepper(observation: str, lanes: int) -> Callable[[], None]:
    """One step of all lanes, with the choice of its actions. Warm: episodes end in every step."""
    world = _world(observation, lanes)
    choose = uniform_random(torch.Generator().manual_seed(1))
    view = world.reset()

    def step() -> None:
        nonlocal view
        view = world.step(choose(view)).view

    for _ in range(200):
        step()
    return step


def _copier(lanes: int) -> Callable[[], None]:
    """One copy of the bytes that a world's state takes."""
    world = _world(OBSERVATIONS[0], lanes)
    world.reset()
    source = torch.cat([tensor.flatten().view(torch.uint8) for tensor in world.state_dict().values() if tensor.ndim])
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)

    return copy


def _measure(work: dict[str, Callable[[], None]], rounds: int, steps: int, lanes: int) -> dict[str, list[float]]:
    """Lane-steps a second by name, a figure a round; the kinds take turns in each round."""
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, once in work.items():
            begin = perf_counter()
            for _ in range(steps):
                once()
            rates[name].append(lanes * steps / (perf_counter() - begin))
    return rates


def _print(rates: dict[str, list[float]]) -> None:
    copies = median(rates[COPY])
    print(f"{'lane-steps/s':22}{'median':>10}{'lowest':>10}{'highest':>10}{'/ memcpy':>10}")
    for name, figures in rates.items():
        numbers = "".join(f"{figure / 1e6:>8.2f} M" for figure in (median(figures), min(figures), max(figures)))
        print(f"{name:22}{numbers}{median(figures) / copies:>10.4f}")


def _profile(observation: str, step: Callable[[], None], steps: int) -> None:
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            step()
    print(f"{observation}, {steps} steps:")
    print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=40))


if __name__ == "__main__":
    main()
