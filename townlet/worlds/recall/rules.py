"""The rules of the recall task. Needs no torch."""

from typing import Annotated, Literal

from pydantic import Field

from townlet.settings import Count, Settings
from townlet.specs import EnvironmentSpec, FieldSpec


class RecallSettings(Settings):
    """A symbol is shown at the first step, nothing at the next ones, and `delay` steps later it is asked for.

    symbols: that there are; naming them blindly is right once in so many times.
    """

    kind: Literal["recall"]
    symbols: Annotated[int, Field(ge=2, le=256)] = 4
    delay: Count = 10

    @property
    def measure(self) -> Literal["return"]:
        """What this world is about."""
        return "return"

    @property
    def step_cap(self) -> int:
        """Every episode's length."""
        return self.delay + 1


def environment_spec(settings: RecallSettings) -> EnvironmentSpec:
    """Blocks: `shown`, uint8 [symbols], one-hot at the first step and zero later; `asked`, uint8 [1], 1 at the last."""
    blocks = (FieldSpec("shown", "uint8", (settings.symbols,)), FieldSpec("asked", "uint8", (1,)))
    return EnvironmentSpec(observation=blocks, actions=settings.symbols, step_cap=settings.step_cap)
