"""Judges a peer of `bench.cartpole_race`: has it learned CartPole-v1? Needs nothing but Gymnasium."""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

EPISODES = 20

Act = Callable[[NDArray[np.float32]], Any]
"""Greedy actions [B] of observations float32 [B, 4]."""


class Judge:
    """Takes the time of one agent. goal: the mean return of greedy episodes that ends its training.

    started_at: of its first environment step, `time.time()`. ended_at: of the parameters that it was judged by last.
    evaluation_s: between the two, in which it stood still.
    """

    def __init__(self, seed: int, goal: float) -> None:
        self._worlds = [gymnasium.make("CartPole-v1") for _ in range(EPISODES)]
        for number, world in enumerate(self._worlds):
            world.reset(seed=1_000_000 + EPISODES * seed + number)
        self._goal = goal
        self.started_at = self.ended_at = 0.0
        self.evaluation_s = 0.0
        self.reached = False
        self.mean_return = 0.0

    def start(self, at: float | None = None) -> None:
        """The agent takes its first step now, or has taken it then."""
        self.started_at = time.time() if at is None else at

    def judge(self, act: Act) -> bool:
        """Whether the agent, which stands still meanwhile, has reached the goal."""
        began = time.time()
        self._score(act)
        self.ended_at = time.time()
        self.evaluation_s += self.ended_at - began
        return self.reached

    def judge_beside(self, act: Act, as_of: float) -> bool:
        """The same of an agent that goes on meanwhile. as_of: when it had these parameters."""
        self._score(act)
        self.ended_at = as_of
        return self.reached

    def tell(self, environment_steps: int) -> None:
        """Print the line of JSON that a race reads."""
        found = {
            "reached": self.reached,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "evaluation_s": self.evaluation_s,
            "environment_steps": environment_steps,
            "mean_return": self.mean_return,
        }
        print(json.dumps(found), flush=True)

    def _score(self, act: Act) -> None:
        """Play one episode in each world at once."""
        seen = np.stack([np.asarray(world.reset()[0], np.float32) for world in self._worlds])
        returns, running = np.zeros(EPISODES), np.arange(EPISODES)
        while len(running):
            for lane, action in zip(running, np.asarray(act(seen[running])), strict=True):
                seen[lane], reward, terminated, truncated, _ = self._worlds[lane].step(int(action))
                returns[lane] += float(reward)
                if terminated or truncated:
                    running = running[running != lane]
        self.mean_return = float(returns.mean())
        self.reached = self.mean_return >= self._goal


class Told(argparse.Namespace):
    """What every peer is told."""

    seed: int
    goal: float
    steps: int


def told(about: str | None, steps: int) -> Told:
    """Reads a peer's command line. about: what it is. steps: at which it gives up where nothing is said."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--goal", type=float, default=475.0, help="mean return of greedy episodes")
    parser.add_argument("--steps", type=int, default=steps, help="give up after so many (default %(default)s)")
    return parser.parse_args(namespace=Told())
