"""Gymnasium environments for tests: `toy_environments:Toy-v0` and its kin."""

import os
import signal
import time

import gymnasium
import numpy as np
from gymnasium import spaces

STEP, DIE, RAISE, SLEEP, BLOCK, EXIT = range(6)
"""Actions of Toy-v0: live on, end the episode, and four ways to fail."""
START = 10


class Toy(gymnasium.Env):
    """Observes (a number drawn when the episode began, steps in it); the reward is the step's number."""

    def __init__(self, failing_resets: int = 0) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,))
        self.action_space = spaces.Discrete(6, start=START)
        self._failing_resets = failing_resets
        self._resets = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._resets += 1
        if self._failing_resets and self._resets % self._failing_resets == 0:
            raise OSError("no simulator")
        self.steps = 0
        self.mark = np.float32(self.np_random.random())
        return self._seen(), {"action_mask": np.array([1, 1, 1, 1, 0, 0], np.int8)}

    def step(self, action):
        match action - START:
            case 2:
                raise RuntimeError("the pole broke")
            case 3:
                time.sleep(600)
            case 4:
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
                time.sleep(600)
            case 5:
                os._exit(3)
        self.steps += 1
        return self._seen(), float(self.steps), action - START == DIE, False, {}

    def _seen(self):
        return np.array([self.mark, self.steps], np.float32)


class Whimsical(Toy):
    """Does not keep to its seed."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=time.perf_counter_ns() % 2**31)


class Sampled(gymnasium.Env):
    """Observes samples of any space; episodes last four steps."""

    def __init__(self, space, actions=None, told=None) -> None:
        self.observation_space = space
        self.action_space = actions or spaces.Discrete(3)
        self._told = told
        self.shown = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.steps = 0
        return self._see(), {}

    def step(self, action):
        self.steps += 1
        return self._see(), np.float64(0.5), self.steps == 4, True, {}

    def _see(self):
        self.shown.append(self.observation_space.sample() if self._told is None else self._told)
        return self.shown[-1]


NAMED_SPACES = {
    "pair": spaces.Dict({"far": spaces.Box(0.0, 1.0, (2,)), "near": spaces.Discrete(3)}),
    "text": spaces.Dict({"word": spaces.Text(5), "near": spaces.Discrete(3)}),
    "sequence": spaces.Sequence(spaces.Discrete(2)),
    "tuple of text": spaces.Tuple((spaces.Discrete(2), spaces.Text(5))),
    "complex": spaces.Box(0, 255, (2,), np.uint16),
    "twins": spaces.Dict({"a.b": spaces.Discrete(2), "a": spaces.Dict({"b": spaces.Discrete(2)})}),
    "pixels": spaces.Box(0, 255, (4, 4, 3), np.uint8),
}


def sampled(name, **kwargs):
    return Sampled(NAMED_SPACES[name], **kwargs)


def steered():
    return Sampled(NAMED_SPACES["pair"], spaces.Box(0.0, 1.0, (1,)))


for name, entry, cap in (
    ("Toy-v0", Toy, 6),
    ("Sampled-v0", sampled, 100),
    ("Steered-v0", steered, 100),
    ("Endless-v0", Toy, None),
    ("Whimsical-v0", Whimsical, 6),
):
    if name not in gymnasium.registry:
        gymnasium.register(name, entry, max_episode_steps=cap)
