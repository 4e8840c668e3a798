"""How much novelty counts: less and less, once the agent can live. Pure."""

from collections import deque
from typing import Any

from townlet.curiosity import AdaptiveWeightSettings, ConstantWeightSettings


class IntrinsicWeight:
    """What one standard deviation of novelty is worth as a reward.

    step_cap: the longest that an episode can last. value: the weight now.
    """

    def __init__(self, settings: AdaptiveWeightSettings | ConstantWeightSettings, step_cap: int) -> None:
        self._settings = settings
        self._step_cap = step_cap
        self._survival: deque[int] = deque()
        self.value = _first(settings)

    def add(self, steps: int) -> None:
        """An episode of the run has finished after so many steps: the weight may shrink, once."""
        if isinstance(self._settings, ConstantWeightSettings):
            return
        self._survival.append(steps)
        if len(self._survival) > self._settings.window_episodes:
            self._survival.popleft()
        if self._lives_long_and_evenly(self._settings):
            self.value = max(self._settings.minimum, self.value * self._settings.factor)

    def steer(self, settings: AdaptiveWeightSettings | ConstantWeightSettings) -> None:
        """Go by these settings from now on. The weight itself stays as it is, as far as they allow."""
        if isinstance(settings, AdaptiveWeightSettings):
            self.value = max(settings.minimum, self.value)
        self._settings = settings

    def begin_anew(self) -> None:
        """The weight is what it begins with."""
        self.value = _first(self._settings)

    def state(self) -> dict[str, Any]:
        """Weight and window as plain values."""
        return {"value": self.value, "survival": list(self._survival)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Be as the weight whose `state` this was."""
        self.value, self._survival = state["value"], deque(state["survival"])

    def _lives_long_and_evenly(self, settings: AdaptiveWeightSettings) -> bool:
        count = len(self._survival)
        if count < settings.window_episodes:
            return False
        mean = sum(self._survival) / count
        variance = sum((steps - mean) ** 2 for steps in self._survival) / count
        return variance < settings.variance_below and mean > settings.mean_above * self._step_cap


def _first(settings: AdaptiveWeightSettings | ConstantWeightSettings) -> float:
    """The weight to begin with."""
    return settings.value if isinstance(settings, ConstantWeightSettings) else settings.start
