"""What an environment looks like from outside: the shapes and dtypes that records, networks and actors agree on.

Legend for shapes everywhere: L lanes, A actions, B batch, T time.
"""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class FieldSpec:
    """One named array of fixed shape, without its leading lane, batch or time axis.

    dtype is NumPy's name for it, such as "float32", "uint8" or "bool".
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class MemorySpec:
    """What a recurrent network asks of the records.

    state_size: numbers of the recurrent state. period: it is stored as it was at every so many steps of an episode,
    in equal parts over the `period` records from there on, so that all records are equally long. Zeros fill up the
    last part.
    """

    state_size: int
    period: int

    @property
    def part_size(self) -> int:
        """Numbers of the recurrent state in one record."""
        return -(-self.state_size // self.period)


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment with discrete actions.

    observation: the blocks of an observation, in the order in which a flat observation concatenates them.
    actions: number of action IDs; an action is an integer in [0, actions).
    step_cap: the episode is truncated after so many steps.
    truncation_bootstraps: whether the value continues past the cap (it does, unless the reward pays for reaching it).
    """

    observation: tuple[FieldSpec, ...]
    actions: int
    step_cap: int
    truncation_bootstraps: bool = True

    @property
    def observation_size(self) -> int:
        """Length of a flat observation."""
        return sum(block.size for block in self.observation)
