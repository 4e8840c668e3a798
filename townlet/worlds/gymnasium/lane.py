"""One environment and its running episode. Needs no torch: worker processes step lanes too."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

import numpy as np

from townlet.errors import WorldError
from townlet.worlds.gymnasium.arrays import LaneArrays
from townlet.worlds.gymnasium.blocks import Actions, Blocks, as_reward
from townlet.worlds.gymnasium.make import describe, make_environment
from townlet.worlds.gymnasium.settings import GymnasiumSettings

MOST_FAILURES = 50
"""A lane that fails so often without finishing an episode ends the run: its environment will not work later either."""

Limit = Callable[[], AbstractContextManager[None]]
"""What a call of an environment happens in; it may raise Hung."""


class Hung(BaseException):
    """An environment took too long. No Exception, so that an environment which catches those does not swallow it."""


class Lane:
    """Row `row` of the arrays: it takes its action there, and leaves what came of it.

    An environment that raises or hangs is replaced by a new one, and its episode is dropped. Which episodes a lane
    lives depends on nothing but the settings, the seed, its number and its actions.
    """

    def __init__(
        self, settings: GymnasiumSettings, arrays: LaneArrays, row: int, seed: int, number: int, limit: Limit
    ) -> None:
        """number: of the lane among all that share the seed."""
        self.reasons: list[str] = []
        """Why its environment was replaced, each time since somebody looked."""
        self._settings = settings
        self._arrays = arrays
        self._row = row
        self._seed = seed
        self._number = number
        self._limit = limit
        self._environment: Any = None

    def begin(self) -> None:
        """Start the next episode, in a new environment where the old one fails.

        Raises WorldError after too many failures, or when the environment is not what it declares.
        """
        arrays, row = self._arrays, self._row
        while True:
            arrays.episode[row] += 1
            arrays.steps[row] = 0
            try:
                if self._environment is None:
                    self._open()
                observation, info = self._call(self._reset)
                break
            except (Exception, Hung) as error:
                self._replace(error)
        self._blocks.write(observation, arrays.view, row)
        self._actions.mask(info, arrays.mask[row])

    def step(self) -> None:
        """Take the row's action; when the episode ends, keep its final view and begin the next. Raises as `begin`."""
        arrays, row = self._arrays, self._row
        arrays.terminated[row] = arrays.truncated[row] = arrays.dropped[row] = False
        action = int(arrays.action[row]) + self._actions.start
        try:
            observation, reward, terminated, truncated, info = self._call(lambda: self._environment.step(action))
        except (Exception, Hung) as error:
            self._replace(error)
            arrays.dropped[row] = True
            arrays.reward[row] = 0.0
            self.begin()
            return
        arrays.steps[row] += 1
        arrays.reward[row] = as_reward(reward, self._settings.id)
        arrays.terminated[row] = terminated
        at_cap = self._settings.step_cap is not None and arrays.steps[row] >= self._settings.step_cap
        arrays.truncated[row] = (truncated or at_cap) and not terminated
        ended = terminated or truncated or at_cap
        self._blocks.write(observation, arrays.final if ended else arrays.view, row)
        self._actions.mask(info, (arrays.final_mask if ended else arrays.mask)[row], final=ended)
        if ended:
            arrays.final_steps[row] = arrays.steps[row]
            arrays.failures[row] = 0
            self.begin()

    def close(self) -> None:
        """Give the environment up, whatever it says to that."""
        if self._environment is not None:
            with suppress(Exception, Hung):
                self._call(self._environment.close)
        self._environment = None

    def _open(self) -> None:
        """Make the environment. Only a parent limits that: the first time imports whole libraries."""
        self._arrays.opening[self._row] = True
        self._arrays.calls[self._row] += 1
        self._environment = make_environment(self._settings)
        self._blocks = Blocks(self._settings.id, self._environment.observation_space)
        self._actions = Actions.of(self._settings.id, self._environment.action_space)
        self._arrays.opening[self._row] = False

    def _reset(self) -> Any:
        seed = episode_seed(self._seed, self._number, int(self._arrays.episode[self._row]))
        return self._environment.reset(seed=seed)

    def _call(self, call: Callable[[], Any]) -> Any:
        self._arrays.calls[self._row] += 1
        with self._limit():
            return call()

    def _replace(self, error: BaseException) -> None:
        reason = describe(error)
        self.reasons.append(reason)
        self._arrays.failures[self._row] += 1
        check_failures(self._settings.id, self._number, int(self._arrays.failures[self._row]), reason)
        self.close()


def check_failures(name: str, number: int, failures: int, reason: str) -> None:
    """Raises WorldError when a lane has failed too often without finishing an episode."""
    if failures >= MOST_FAILURES:
        raise WorldError(
            f"{name}: expected lane {number} to finish an episode now and then, found {failures} failures in a row, "
            f"the last one {reason}"
        )


def episode_seed(seed: int, lane: int, episode: int) -> int:
    """The seed of one episode, below 2**31, which every environment takes."""
    # Words of fixed width: the pool pads with zeros, so that lists of different lengths could mean the same.
    words = (seed % 2**32, seed >> 32, lane % 2**32, lane >> 32, episode)
    return int(np.random.SeedSequence(words).generate_state(1)[0]) >> 1
