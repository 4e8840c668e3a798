"""The `curriculum` section of a configuration. Needs no torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from townlet.settings import Count, Fraction, Settings
from townlet.worlds.hamlet.consistency import Fault, difficulty_faults
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings


class StaticSettings(Settings):
    """Every lane plays the level as it is."""

    kind: Literal["static"] = "static"

    @property
    def difficulties(self) -> tuple[DifficultySettings, ...]:
        """None: the level itself."""
        return ()

    def faults(self, world: HamletSettings) -> Iterator[Fault]:
        """What the world cannot honour."""
        del world
        yield from ()


FIVE_STAGES = (
    DifficultySettings(multiplier=0.2, decaying=("energy", "hygiene"), costs=False),
    DifficultySettings(multiplier=0.5, decaying=("energy", "hygiene", "satiation"), costs=False),
    DifficultySettings(multiplier=0.8, decaying=("energy", "hygiene", "satiation")),
    DifficultySettings(),
    DifficultySettings(),
)


class AdversarialSettings(Settings):
    """Each lane goes up the stages where it does well, and down again where it does badly.

    stages: from the easiest to the hardest; a lane begins at the first.
    window_episodes: the figures are means over so many of the lane's last finished episodes at its stage.
    min_episodes_at_stage: finished at a stage before it can change.
    advance_survival, advance_entropy: a lane advances with a survival rate (steps / cap) above the one and a normalised
        policy entropy below the other.
    retreat_survival: a lane retreats with a survival rate below it.
    """

    kind: Literal["adversarial"] = "adversarial"
    stages: Annotated[tuple[DifficultySettings, ...], Field(min_length=2)] = FIVE_STAGES
    window_episodes: Count = 10
    min_episodes_at_stage: Count = 10
    advance_survival: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.7
    advance_entropy: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    retreat_survival: Fraction = 0.3

    @property
    def difficulties(self) -> tuple[DifficultySettings, ...]:
        """One a stage."""
        return self.stages

    def faults(self, world: HamletSettings) -> Iterator[Fault]:
        """What the world cannot honour, and what contradicts itself."""
        if self.retreat_survival > self.advance_survival:
            expected = f"at most advance_survival ({self.advance_survival:g})"
            yield ("retreat_survival",), f"expected {expected}, found {self.retreat_survival:g}"
        yield from _stage_faults(world, self.stages)


class PassSettings(Settings):
    """A stage is passed once this figure, a mean over the window of episodes, is above the number.

    mean_return: of the sums of an episode's extrinsic rewards, unscaled.
    """

    figure: Literal["mean_survival", "mean_return"]
    above: float


class StagedStageSettings(DifficultySettings):
    """A difficulty, and what leads beyond it."""

    passes: PassSettings


THREE_STAGES = (
    StagedStageSettings(
        decaying=("energy",),
        income=False,
        use_rewards={"Bed": 5.0},
        step_cap=50,
        passes=PassSettings(figure="mean_survival", above=40.0),
    ),
    StagedStageSettings(
        decaying=("energy", "hygiene"),
        income=False,
        step_cap=100,
        passes=PassSettings(figure="mean_return", above=0.0),
    ),
    StagedStageSettings(
        decaying=("energy", "hygiene", "satiation"),
        income=False,
        step_cap=500,
        passes=PassSettings(figure="mean_survival", above=200.0),
    ),
)


class StagedSettings(Settings):
    """Each lane passes one stage after the other, and never goes back. Beyond the last it has graduated.

    stages: from the first to the last; a graduated lane plays the level as it is, which counts as one stage more.
    window_episodes: finished at a stage before it can be passed, and what its figures are means over.
    """

    kind: Literal["staged"] = "staged"
    stages: Annotated[tuple[StagedStageSettings, ...], Field(min_length=1)] = THREE_STAGES
    window_episodes: Count = 10

    @property
    def difficulties(self) -> tuple[DifficultySettings, ...]:
        """One a stage, and the level itself for those who have graduated."""
        return (*self.stages, DifficultySettings())

    def faults(self, world: HamletSettings) -> Iterator[Fault]:
        """What the world cannot honour, and stages that nobody can pass."""
        yield from _stage_faults(world, self.stages)
        for number, stage in enumerate(self.stages):
            cap = stage.step_cap or world.step_cap
            if stage.passes.figure == "mean_survival" and stage.passes.above >= cap:
                expected = f"less than the stage's cap of {cap} steps"
                yield ("stages", number, "passes", "above"), f"expected {expected}, found {stage.passes.above:g}"


def _stage_faults(world: HamletSettings, stages: tuple[DifficultySettings, ...]) -> Iterator[Fault]:
    for number, stage in enumerate(stages):
        for path, sentence in difficulty_faults(world, stage):
            yield ("stages", number, *path), sentence


CurriculumSettings = Annotated[StaticSettings | AdversarialSettings | StagedSettings, Field(discriminator="kind")]
