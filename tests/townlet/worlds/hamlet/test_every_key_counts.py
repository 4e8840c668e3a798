"""Every number and switch of a world's configuration changes what happens in it (pitfall 11).

Each key is changed a little in a world where all of the rules are at work at once; some observation, mask, reward or
end within the next day and a half must differ.
"""

import json
from functools import cache

import pytest
import torch
from hamlet_levels import INTERACT, flat, level
from pydantic import ValidationError

from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.world import HamletWorld

LANES = 384
STEPS = 34
RUN_EPISODES = 700

# Every meter is below the cascades' threshold or near it, nothing is full, and money is short.
CONTEXT = {
    "multiplier": 0.3,
    "step_cap": 30,
    "random_layout_after": RUN_EPISODES,
    "meters.energy.initial": 0.24,
    "meters.health.initial": 0.5,
    "meters.satiation.initial": 0.29,
    "meters.hygiene.initial": 0.28,
    "meters.mood.initial": 0.27,
    "meters.social.initial": 0.26,
    "meters.fitness.initial": 0.3,
    "meters.money.initial": 0.2,
    "rewards.sparse.threshold": 0.25,
}

# What keys that are neither numbers nor switches are changed to, and those for which a little is too little.
OTHER = {
    "layout": "random",
    "observation": "typed",
    "view": "full",
    "reward": "sparse",
    "enabled": ["Bed", "Job"],
    "payment.meter": "mood",
    "payment.tolerance": 0.05,
    "rewards.survival_baseline.meter": "satiation",
    "rewards.shaped.meter": "health",
    "rewards.shaped.affordance": "Job",
    "rewards.sparse.meters": ["energy"],
}

# Keys that name things or cannot change alone; the scalar rules and the refused levels have these.
NAMES = ("kind", "tier", "source", "target", "source_tier", "target_tier", "index", "id")


def leaves(tree, path=()):
    """(path, value) of every key that holds no other keys."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list) and tree and isinstance(tree[0], dict | int):
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))
    else:
        yield path, tree


def changed(tree, path, value):
    """The tree with another value at the path."""
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = value if len(path) == 1 else changed(copy[path[0]], path[1:], value)
    return copy


def context(path):
    """The world in which the key at the path is at work."""
    tree = level("L2_partial").model_dump(mode="json")
    values = dict(CONTEXT)
    values["temporal"] = not {"hours", "ticks", "ticks_per_day"}.isdisjoint(path)
    if path[0] == "random_layout_after":
        values["layout"] = "random_after"
    if path[0] == "rewards":
        values["reward"] = path[1]
    if "survival_baseline" in path:
        values["multiplier"] = 3.0  # the waiting one does not reach the cap
    if "lethal" in path:
        values |= {"multiplier": 3.0, f"meters.{path[1]}.initial": 0.03}
    for key, value in values.items():
        tree = changed(tree, tuple(key.split(".")), value)
    return tree


def others(path, value):
    """Values to try until the level allows one."""
    name = ".".join(map(str, path))
    if name in OTHER:
        return [OTHER[name]]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + difference for difference in (1, -1, 2, -2, 3, -3)]
    return [value + 0.02 if value < 0.5 else value - 0.02]


def read(tree):
    """The settings, or None where they are refused."""
    try:
        return HamletSettings.model_validate_json(json.dumps(tree))
    except ValidationError:
        return None


def story(settings):
    """Everything that can be seen of a world's first steps: each step's columns, one row a lane."""
    world = HamletWorld(settings, LANES, seed=1)
    world.set_run_episodes(RUN_EPISODES)
    view = world.reset()
    generator = torch.Generator().manual_seed(1)
    for count in range(STEPS):
        yield torch.cat((flat(view), view.action_mask.float()), dim=1)
        eager = torch.rand(LANES, generator=generator) < 0.85
        action = torch.randint(6 if count % 4 == 3 else 5, (LANES,), generator=generator)
        action = torch.where(view.action_mask[:, INTERACT] & eager, INTERACT, action)
        step = world.step(action.clamp(max=settings.action_count - 1))
        yield torch.stack((step.reward, step.terminated.float(), step.truncated.float()))
        view = step.view


@cache
def known_story(text):
    return list(story(HamletSettings.model_validate_json(text)))


def keys():
    paths = [path for path, value in leaves(level("L2_partial").model_dump(mode="json")) if value is not None]
    return [path for path in paths if path[-1] not in NAMES] + [("enabled",)]


@pytest.mark.parametrize("path", keys(), ids=lambda path: ".".join(map(str, path)))
def test_changing_a_key_changes_the_world(path):
    tree = context(path)
    value = tree
    for key in path:
        value = value[key]
    attempts = (read(changed(tree, path, other)) for other in others(path, value))
    settings = next(attempt for attempt in attempts if attempt is not None)
    pairs = zip(known_story(json.dumps(tree)), story(settings), strict=True)
    assert any(before.shape != after.shape or not torch.equal(before, after) for before, after in pairs)
