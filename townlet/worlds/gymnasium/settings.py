"""A Gymnasium environment as configuration: the schema of a `world` section of kind `gymnasium`. Needs no gymnasium."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from townlet.settings import Count, Positive, Settings


class AtariSettings(Settings):
    """Gymnasium's AtariPreprocessing; the game's own frame skip is turned off for it.

    noop_max: an episode starts after up to so many random no-ops.
    frame_skip: frames of the game in one environment step; the last two are merged.
    screen_size: side of the square picture, in pixels.
    terminal_on_life_loss: whether a lost life ends the episode.
    """

    noop_max: Annotated[int, Field(ge=0)] = 30
    frame_skip: Count = 4
    screen_size: Count = 84
    terminal_on_life_loss: bool = False
    grayscale: bool = True


class WrapperSettings(Settings):
    """One wrapper. name: module:Class, called with the environment and `kwargs`."""

    name: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    kwargs: Annotated[dict[str, Any], Field(default_factory=dict)]


class GymnasiumSettings(Settings):
    """Any environment that `gymnasium.make` makes, wrapped in the order `ignore`, `atari`, `wrappers`, `frame_stack`.

    id: as `gymnasium.make` takes it; module:ID imports the module first, which registers the environment.
    kwargs: for `gymnasium.make`.
    step_cap: environment steps after which an episode is truncated; null leaves it to the limit that is registered with
        the ID. One of the two must be there.
    ignore: keys of a Dict observation that are left out.
    frame_stack: an observation is the last so many ones, oldest first; null: only the last.
    workers: processes of each actor that step its lanes; 0: the actor itself does, best for what steps in microseconds.
    step_timeout_s: an environment that takes longer for one step or reset is replaced, its episode dropped; null waits.
    """

    kind: Literal["gymnasium"] = "gymnasium"
    id: Annotated[str, Field(min_length=1)]
    kwargs: Annotated[dict[str, Any], Field(default_factory=dict)]
    step_cap: Count | None = None
    ignore: tuple[str, ...] = ()
    atari: AtariSettings | None = None
    wrappers: tuple[WrapperSettings, ...] = ()
    frame_stack: Annotated[int, Field(ge=2)] | None = None
    workers: Annotated[int, Field(ge=0)] = 0
    step_timeout_s: Positive | None = None

    @property
    def measure(self) -> Literal["return"]:
        """What an environment is about."""
        return "return"

    @model_validator(mode="after")
    def _can_be_timed(self) -> Self:
        if self.step_timeout_s is not None and self.workers == 0:
            raise ValueError(
                "step_timeout_s: expected workers of at least 1, found 0; nobody can interrupt the actor itself"
            )
        return self
