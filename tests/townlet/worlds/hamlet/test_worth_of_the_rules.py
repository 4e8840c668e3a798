"""What the rules are worth to those who know nothing of them: the specification's section 9."""

import pytest
import torch
from hamlet_levels import WAIT, level, random_valid, same_for_all

from townlet.evaluation import Reflex, play
from townlet.worlds.hamlet.world import HamletWorld

REFERENCE_EPISODES = 20_000
UNIFORM = [(0.2, 189.3, 0.54), (0.5, 150.9, 0.41), (0.8, 124.8, 0.32), (1.0, 111.8, 0.28)]


def mean_survival_of_random_actions(multiplier, episodes):
    world = HamletWorld(level("L1_full", f"multiplier={multiplier}"), episodes, seed=1)
    generator = torch.Generator().manual_seed(2)
    return play(world, Reflex(lambda view: random_valid(view, generator))).mean.value


@pytest.mark.parametrize(("multiplier", "steps", "standard_error"), UNIFORM)
def test_random_actions_survive_as_long_as_the_specification_says(multiplier, steps, standard_error):
    """Within three standard errors of the difference between so few episodes and the reference."""
    episodes = 2_000
    error = standard_error * (1.0 + REFERENCE_EPISODES / episodes) ** 0.5
    assert mean_survival_of_random_actions(multiplier, episodes) == pytest.approx(steps, abs=3.0 * error)


@pytest.mark.slow
@pytest.mark.parametrize(("multiplier", "steps", "standard_error"), UNIFORM)
def test_random_actions_survive_so_long_in_as_many_episodes_as_the_reference(multiplier, steps, standard_error):
    assert mean_survival_of_random_actions(multiplier, REFERENCE_EPISODES) == pytest.approx(
        steps, abs=3.0 * standard_error
    )


@pytest.mark.parametrize(("multiplier", "steps"), [(0.2, 500), (0.5, 283), (0.8, 197), (1.0, 164)])
def test_waiting_survives_as_long_as_the_specification_says(multiplier, steps):
    world = HamletWorld(level("L1_full", f"multiplier={multiplier}"), lanes=3, seed=1)
    assert list(play(world, Reflex(lambda view: same_for_all(world, WAIT))).steps) == [steps] * 3
