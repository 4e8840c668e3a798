"""Counts what an actor's lanes do."""

import torch

from actor.reporter import Reporter
from townlet.worlds.interface import Step


class Tally:
    """Environment steps, dropped episodes, and the length and return of each finished one, told to the reporter."""

    def __init__(self, reporter: Reporter, lanes: int, device: torch.device) -> None:
        self._reporter = reporter
        self._lanes = lanes
        self._returns = torch.zeros(lanes, dtype=torch.float64, device=device)

    def add(self, step: Step) -> None:
        """Count one step of every lane."""
        self._reporter.environment_steps += self._lanes
        self._returns += step.reward
        if step.dropped is not None:
            self._reporter.dropped_episodes += len(step.dropped)
            self._returns[step.dropped] = 0.0
        if step.finished is None:
            return
        lanes = step.finished.lanes
        ends = (step.finished.steps, self._returns[lanes], step.terminated[lanes])
        for steps, extrinsic_return, terminated in zip(*(end.tolist() for end in ends), strict=True):
            self._reporter.add_episode(steps, extrinsic_return, terminated)
        self._returns[lanes] = 0.0
