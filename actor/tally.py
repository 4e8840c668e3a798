"""Counts what an actor's lanes do."""

import torch
from torch import Tensor

from actor.reporter import Reporter
from townlet.checkpoint.form import Form, check_forms
from townlet.worlds.interface import Step


class Tally:
    """Environment steps, dropped episodes, and the length and return of each finished one, told to the reporter."""

    def __init__(self, reporter: Reporter, lanes: int, device: torch.device) -> None:
        self._reporter = reporter
        self._lanes = lanes
        self._returns = torch.zeros(lanes, dtype=torch.float64, device=device)

    def state_dict(self) -> dict[str, Tensor]:
        """The returns of the running episodes so far, as copies. What was told counts where it was told."""
        return {"returns": self._returns.clone()}

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        """Raises CheckpointError when it cannot be that of these lanes, and then nothing has changed."""
        check_forms("saved tally", saved, {"returns": Form.of(self._returns)})
        self._returns.copy_(saved["returns"])

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
