"""Finished episodes for curricula."""

import torch

from townlet.curriculum.interface import Ended


def ended(lanes, steps, cap=500, episode_return=0.0, entropy=0.0) -> Ended:
    """Episodes of some lanes that all ended alike; those that reach the cap are truncated."""
    steps_of = torch.full((len(lanes),), steps)
    return Ended(
        lane=torch.tensor(lanes),
        steps=steps_of,
        cap=torch.full_like(steps_of, cap),
        terminated=steps_of < cap,
        episode_return=torch.full((len(lanes),), float(episode_return), dtype=torch.float64),
        entropy=torch.full((len(lanes),), float(entropy), dtype=torch.float64),
    )
