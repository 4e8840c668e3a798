"""What the keys of a Hamlet world must be to one another. Every fault is found, each with its key path."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

if TYPE_CHECKING:
    from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings

Fault = tuple[tuple[str | int, ...], str]
"""Key path below what is checked, and one sentence: what was expected, what was found."""


def refuse(title: str, faults: Iterable[Fault]) -> None:
    """Raises pydantic's ValidationError with all faults, if there are any. title: of the model that is checked."""
    errors = [
        InitErrorDetails(type="value_error", loc=path, input=None, ctx={"error": ValueError(sentence)})
        for path, sentence in faults
    ]
    if errors:
        raise ValidationError.from_exception_data(title, errors)


def require_consistency(settings: "HamletSettings") -> None:
    """Raises pydantic's ValidationError with all faults."""
    faults = [
        *_meters(settings),
        *_meter_references(settings),
        *_tiers(settings),
        *_affordances(settings),
        *_places(settings),
        *_reward(settings, settings.reward),
    ]
    refuse("HamletSettings", faults)


def difficulty_faults(settings: "HamletSettings", difficulty: "DifficultySettings") -> Iterator[Fault]:
    """What of a difficulty the level cannot honour; paths below the difficulty."""
    for index, name in enumerate(difficulty.decaying or ()):
        if name not in settings.meters:
            yield ("decaying", index), f"expected one of the meters {', '.join(settings.meters)}, found {name}"
    for name in difficulty.use_rewards:
        if name not in _enabled(settings):
            expected = f"one of the enabled affordances {', '.join(_enabled(settings))}"
            yield ("use_rewards", name), f"expected {expected}, found {name}"
    if difficulty.step_cap is not None and difficulty.step_cap > settings.step_cap:
        yield ("step_cap",), f"expected at most {settings.step_cap}, as world.step_cap, found {difficulty.step_cap}"
    if difficulty.reward is not None and difficulty.reward != settings.reward:
        if "survival_baseline" in (difficulty.reward, settings.reward):
            expected = f"{settings.reward}, as world.reward (with survival_baseline the cap ends the value too)"
            yield ("reward",), f"expected {expected}, found {difficulty.reward}"
        for path, sentence in _reward(settings, difficulty.reward):
            yield ("reward",), f"{difficulty.reward}: world.{'.'.join(map(str, path))}: {sentence}"


def _meters(settings: "HamletSettings") -> Iterator[Fault]:
    count = len(settings.meters)
    taken: dict[int, str] = {}
    for name, meter in settings.meters.items():
        if meter.index in taken:
            found = f"{meter.index}, the index of {taken[meter.index]}"
            yield ("meters", name, "index"), f"expected an index that no other meter has, found {found}"
        elif meter.index >= count:
            yield (
                ("meters", name, "index"),
                f"expected 0 to {count - 1} (there are {count} meters), found {meter.index}",
            )
        taken.setdefault(meter.index, name)
        if meter.lethal and meter.initial == 0.0:
            yield ("meters", name, "initial"), "expected more than 0 (the meter is lethal), found 0.0"
    if not any(meter.lethal for meter in settings.meters.values()):
        yield ("meters",), "expected at least one lethal meter, found none"


def _meter_references(settings: "HamletSettings") -> Iterator[Fault]:
    for path, name in _named_meters(settings):
        if name not in settings.meters:
            yield path, f"expected one of the meters {', '.join(settings.meters)}, found {name}"


def _named_meters(settings: "HamletSettings") -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield ("payment", "meter"), settings.payment.meter
    for index, modulation in enumerate(settings.modulations):
        yield ("modulations", index, "source"), modulation.source
        yield ("modulations", index, "target"), modulation.target
    for number, group in enumerate(settings.cascades.groups):
        for index, cascade in enumerate(group.cascades):
            yield ("cascades", "groups", number, "cascades", index, "source"), cascade.source
            yield ("cascades", "groups", number, "cascades", index, "target"), cascade.target
    actions = settings.actions
    yield from _keys(("actions", "move"), actions.move)
    yield from _keys(("actions", "interact"), actions.interact)
    yield from _keys(("actions", "wait"), actions.wait)
    for name, affordance in settings.affordances.items():
        yield from _keys(("affordances", name, "instant", "effects"), affordance.instant.effects)
        yield from _keys(("affordances", name, "ticks", "effects"), affordance.ticks.effects)
        yield from _keys(("affordances", name, "ticks", "bonus"), affordance.ticks.bonus)


def _keys(path: tuple[str | int, ...], amounts: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name in amounts:
        yield (*path, name), name


def _tiers(settings: "HamletSettings") -> Iterator[Fault]:
    for number, group in enumerate(settings.cascades.groups):
        for index, cascade in enumerate(group.cascades):
            path = ("cascades", "groups", number, "cascades", index)
            for end, name, tier in (
                ("source", cascade.source, group.source_tier),
                ("target", cascade.target, group.target_tier),
            ):
                meter = settings.meters.get(name)
                if meter is not None and meter.tier != tier:
                    yield (
                        (*path, end),
                        f"expected a {tier} meter, as the group says, found {name}, which is {meter.tier}",
                    )


def _affordances(settings: "HamletSettings") -> Iterator[Fault]:
    taken: dict[int, str] = {}
    for name, affordance in settings.affordances.items():
        if affordance.id in taken:
            found = f"{affordance.id}, the ID of {taken[affordance.id]}"
            yield ("affordances", name, "id"), f"expected an ID that no other affordance has, found {found}"
        taken.setdefault(affordance.id, name)
        day, (opens, closes) = settings.ticks_per_day, affordance.hours
        if not (0 <= opens < day and opens < closes <= opens + day):
            expected = f"opens within 0 to {day - 1}, and closes after it by at most the {day} ticks of a day"
            yield ("affordances", name, "hours"), f"expected [opens, closes]: {expected}, found [{opens}, {closes}]"
    for index, name in enumerate(settings.enabled or ()):
        if name not in settings.affordances:
            known = ", ".join(settings.affordances)
            yield ("enabled", index), f"expected one of the affordances {known}, found {name}"
        elif name in (settings.enabled or ())[:index]:
            yield ("enabled", index), f"expected each affordance once, found {name} again"


def _places(settings: "HamletSettings") -> Iterator[Fault]:
    grid, taken = settings.grid, dict[tuple[int, int], str]()
    enabled = _enabled(settings)
    for name in enabled:
        x, y = at = settings.affordances[name].at
        if not (0 <= x < grid and 0 <= y < grid):
            yield ("affordances", name, "at"), f"expected a cell of the {grid}x{grid} grid, found [{x}, {y}]"
        elif at in taken:
            found = f"[{x}, {y}], where {taken[at]} stands"
            yield ("affordances", name, "at"), f"expected a cell that no other affordance has, found {found}"
        taken.setdefault(at, name)
    if len(enabled) > grid * grid:
        yield ("enabled",), f"expected at most the {grid * grid} cells of the grid, found {len(enabled)} affordances"


def _reward(settings: "HamletSettings", reward: str) -> Iterator[Fault]:
    """What is wrong with one of the level's rewards."""
    named: Iterable[tuple[tuple[str | int, ...], str]] = ()
    rewards = settings.rewards
    if reward == "survival_baseline":
        named = [(("meter",), rewards.survival_baseline.meter)]
    elif reward == "sparse":
        named = [(("meters", index), name) for index, name in enumerate(rewards.sparse.meters)]
    elif reward == "shaped":
        named = [(("meter",), rewards.shaped.meter)]
        if rewards.shaped.affordance not in _enabled(settings):
            expected = f"one of the enabled affordances {', '.join(_enabled(settings))}"
            yield (
                ("rewards", "shaped", "affordance"),
                f"expected {expected} (reward is shaped), found {rewards.shaped.affordance}",
            )
    for path, name in named:
        if name not in settings.meters:
            expected = f"one of the meters {', '.join(settings.meters)} (reward is {reward})"
            yield ("rewards", reward, *path), f"expected {expected}, found {name}"


def _enabled(settings: "HamletSettings") -> tuple[str, ...]:
    """Names of the enabled affordances that exist."""
    names = settings.affordances if settings.enabled is None else settings.enabled
    return tuple(name for name in dict.fromkeys(names) if name in settings.affordances)
