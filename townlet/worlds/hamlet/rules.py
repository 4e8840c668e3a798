"""The rules of a Hamlet world as configuration: the schema of a level file's `world` section.

No number of the rules stands in the code; `configs/hamlet.yaml` holds the classic ones. Meters and affordances are
mappings by name, so that a level which extends another changes single keys of them; null takes an entry out.
"""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from townlet.settings import Count, Fraction, NonNegative, Settings
from townlet.worlds.hamlet.consistency import require_consistency

MOVES = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
"""What the actions 0 to 3 add to (x, y); y grows downward."""
INTERACT = 4
WAIT = 5

Entry = TypeVar("Entry")
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Index = Annotated[int, Field(ge=0)]
Pair = Annotated[tuple[int, int], Field(strict=False)]
"""Two integers. Not strict only in that a list is taken for the tuple; strings and floats stay refused."""
Tier = Literal["pivotal", "primary", "secondary", "resource"]
RewardName = Literal["alive", "wellbeing", "survival_baseline", "sparse", "shaped"]


def _without_nulls(entries: Any) -> Any:
    if isinstance(entries, dict):
        return {name: entry for name, entry in entries.items() if entry is not None}
    return entries


Named = Annotated[dict[Name, Entry], BeforeValidator(_without_nulls)]
"""Entries by name; a null entry counts as absent."""
Changes = Named[float]
"""Meter -> what is added to it."""
Costs = Named[NonNegative]
"""Meter -> what is taken from it."""


class MeterSettings(Settings):
    """One meter, always within [0, 1].

    index: its place among the meters of an observation; the indices of all meters are 0, 1, 2, ...
    decay: what it loses each step, at a multiplier of 1.
    lethal: whether the episode ends in death when it reaches 0.
    """

    index: Index
    tier: Tier
    initial: Fraction
    decay: NonNegative
    lethal: bool = False


class ModulationSettings(Settings):
    """Each step `target` loses rate * (base + slope * (1 - source))."""

    source: Name
    target: Name
    rate: NonNegative
    base: NonNegative
    slope: NonNegative


class CascadeSettings(Settings):
    """Where `source` < threshold, `target` loses strength * (threshold - source) / threshold."""

    source: Name
    target: Name
    strength: NonNegative


class CascadeGroupSettings(Settings):
    """Cascades between two tiers. They run in the order given, each seeing what the one before left, then clamp."""

    source_tier: Tier
    target_tier: Tier
    cascades: tuple[CascadeSettings, ...]


class CascadesSettings(Settings):
    """All cascades: groups in the order in which they run."""

    threshold: Annotated[float, Field(gt=0.0, le=1.0)]
    groups: tuple[CascadeGroupSettings, ...]


class ActionsSettings(Settings):
    """What each action costs at once, whether or not it comes to anything.

    wait_enabled: whether the action exists.
    """

    move: Costs
    interact: Costs
    wait: Costs
    wait_enabled: bool = True


class InstantSettings(Settings):
    """One use of an affordance when temporal mechanics are off. cost: money."""

    cost: NonNegative
    effects: Changes


class TicksSettings(Settings):
    """Uses of an affordance when temporal mechanics are on.

    count: ticks that make up one whole use. cost: money, at each tick. effects: at each tick.
    bonus: added at the last tick.
    """

    count: Count
    cost: NonNegative
    effects: Changes
    bonus: Changes


class AffordanceSettings(Settings):
    """A place that does something for whoever interacts there.

    id: affordances come in the order of their IDs in observations. at: (x, y) in a fixed layout.
    hours: (opens, closes); a closing hour past the end of the day wraps. Only with temporal mechanics.
    """

    id: Index
    at: Pair
    hours: Pair
    instant: InstantSettings
    ticks: TicksSettings


class PaymentSettings(Settings):
    """How affordances are paid for.

    meter: what is taken. tolerance: money that may be missing at a purchase.
    mask_unaffordable: whether the action mask hides what the agent cannot pay.
    """

    meter: Name
    tolerance: NonNegative
    mask_unaffordable: bool = False


class AliveReward(Settings):
    """`step` for each step survived, `death` for dying."""

    step: float
    death: float


class WellbeingReward(Settings):
    """The product of the lethal meters; `death` for dying."""

    death: float


class SurvivalBaselineReward(Settings):
    """At the end, by death or by the cap: steps lived less those of one who only waits, whose `meter` runs out."""

    meter: Name


class SparseReward(Settings):
    """`step` for each step, and `penalty` for each of `meters` that is below `threshold`."""

    step: float
    penalty: float
    threshold: Fraction
    meters: tuple[Name, ...]


class ShapedReward(Settings):
    """`step` for each step, and hints.

    While `meter` < threshold: `nearness` * (1 - distance to `affordance` / the grid's longest), and `use` for using it.
    gain: times the sum of the positive changes that an interaction brought to the meters other than money.
    """

    step: float
    meter: Name
    affordance: Name
    threshold: Fraction
    nearness: float
    use: float
    gain: float


class RewardsSettings(Settings):
    """The parameters of every reward; `world.reward` chooses one by name."""

    alive: AliveReward
    wellbeing: WellbeingReward
    survival_baseline: SurvivalBaselineReward
    sparse: SparseReward
    shaped: ShapedReward


class DifficultySettings(Settings):
    """What a stage of a curriculum makes of the level. The defaults leave everything as the level has it.

    multiplier: of decay, times the level's own.
    decaying: names of the meters that decay; the others take no part in modulations and cascades either, neither as
        source nor as target. null: all.
    costs: whether affordances must be paid for. income: whether they bring money.
    reward: name of the reward; null for the level's own.
    use_rewards: affordance -> what each successful tick of its use adds to the reward.
    step_cap: at most the level's; null for the level's own.
    """

    multiplier: NonNegative = 1.0
    decaying: tuple[Name, ...] | None = None
    costs: bool = True
    income: bool = True
    reward: RewardName | None = None
    use_rewards: Changes = Field(default_factory=dict)
    step_cap: Count | None = None


class HamletSettings(Settings):
    """The whole world.

    step_cap: an episode is truncated after so many steps.
    multiplier: difficulty; scales the meters' decay and nothing else.
    temporal: whether affordances have hours and take several ticks.
    random_layout_after: finished episodes of the whole run, for the layout `random_after`.
    vision_radius: cells to each side that the `local` view shows.
    enabled: names of the affordances that are there; null for all.
    """

    kind: Literal["hamlet"] = "hamlet"
    grid: Annotated[int, Field(ge=2, le=256)]
    step_cap: Count
    multiplier: NonNegative
    temporal: bool
    ticks_per_day: Count
    layout: Literal["fixed", "random", "random_after"]
    random_layout_after: Index
    observation: Literal["classic", "typed"]
    view: Literal["full", "local"]
    vision_radius: Annotated[int, Field(ge=1, le=16)]
    reward: RewardName
    rewards: RewardsSettings
    payment: PaymentSettings
    actions: ActionsSettings
    meters: Annotated[Named[MeterSettings], Field(min_length=1)]
    modulations: tuple[ModulationSettings, ...]
    cascades: CascadesSettings
    affordances: Annotated[Named[AffordanceSettings], Field(min_length=1, max_length=250)]
    enabled: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None

    @property
    def meter_names(self) -> tuple[str, ...]:
        """Names of the meters in the order of their indices."""
        return tuple(sorted(self.meters, key=lambda name: self.meters[name].index))

    @property
    def affordance_names(self) -> tuple[str, ...]:
        """Names of the enabled affordances in the order of their IDs."""
        names = self.affordances if self.enabled is None else self.enabled
        return tuple(sorted(names, key=lambda name: self.affordances[name].id))

    @property
    def measure(self) -> Literal["survival"]:
        """What this world is about."""
        return "survival"

    @property
    def action_count(self) -> int:
        """Number of action IDs; `wait` has the last one, so that it can be left out."""
        return WAIT + 1 if self.actions.wait_enabled else WAIT

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        require_consistency(self)
        return self
