"""Curricula of several stages: the books are kept here, a rule says when a stage changes.

Legend: L lanes, F of them whose episode has ended, K stages.
"""

from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from townlet.checkpoint.form import Form, check_forms
from townlet.curriculum.history import History
from townlet.curriculum.interface import Ended, StageChange


@dataclass(frozen=True)
class Figures:
    """What F lanes did at their stages: means over the last episodes there, as many as the window holds.

    episodes: int64 [F], all that the lane has finished at its stage. The others are float64 [F]:
    survival_rate: of steps / cap. mean_survival: of steps. mean_return: of the returns. entropy: normalised.
    progress: the survival rate less the one at which the lane came to its stage; 0 stands for the one at the start.
    """

    episodes: Tensor
    survival_rate: Tensor
    progress: Tensor
    mean_survival: Tensor
    mean_return: Tensor
    entropy: Tensor

    def of(self, at: int) -> dict[str, float]:
        """Those of one of the F lanes, by name."""
        return {field.name: getattr(self, field.name)[at].item() for field in fields(self)}


class Rule(Protocol):
    """When a lane changes its stage."""

    def change(self, stage: Tensor, figures: Figures) -> Tensor:
        """1 to advance, -1 to retreat, 0 to stay: int64 [F]. stage: int64 [F]."""

    def reason(self, change: int, stage: int, figures: dict[str, float]) -> str:
        """Why a lane changes its stage, in words."""


class Stages:
    """A `Curriculum` of K stages. Each lane has its own stage, and its own history since it came to it."""

    def __init__(self, rule: Rule, lanes: int, count: int, window_episodes: int) -> None:
        self.count = count
        self._rule = rule
        self._stage = torch.zeros(lanes, dtype=torch.int64)
        self._rate_at_change = torch.zeros(lanes, dtype=torch.float64)
        self._history = History(lanes, columns=4, window=window_episodes)

    @property
    def stage(self) -> Tensor:
        """A copy, int64 [L]."""
        return self._stage.clone()

    def feed(self, ended: Ended) -> list[StageChange]:
        """Count episodes, each exactly once, and decide on the next ones of their lanes."""
        assert ((ended.steps >= 1) & (ended.steps <= ended.cap)).all(), (ended.steps, ended.cap)
        assert (ended.terminated | (ended.steps == ended.cap)).all(), "an episode ended neither by death nor at its cap"
        lane, stage = ended.lane, self._stage[ended.lane]
        figures = self._note(ended)
        change = self._rule.change(stage, figures)
        after = (stage + change).clamp(0, self.count - 1)
        moved = torch.nonzero(after != stage).squeeze(1)
        self._stage[lane] = after
        self._rate_at_change[lane[moved]] = figures.survival_rate[moved]
        self._history.forget(lane[moved])
        return [self._described(at, lane, stage, after, figures) for at in moved.tolist()]

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that decisions depend on, as copies."""
        history = {f"history.{name}": tensor for name, tensor in self._history.state_dict().items()}
        return {"stage": self._stage.clone(), "rate_at_change": self._rate_at_change.clone(), **history}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a saved state. Raises CheckpointError when it cannot be one, and then nothing has changed."""
        lanes = len(self._stage)
        history = {name: tensor for name, tensor in state.items() if name.startswith("history.")}
        forms = {
            "stage": Form("int64", (lanes,), 0, self.count - 1),
            "rate_at_change": Form("float64", (lanes,), 0.0, 1.0),
        }
        check_forms("saved curriculum", {name: tensor for name, tensor in state.items() if name not in history}, forms)
        self._history.load_state_dict({name.removeprefix("history."): tensor for name, tensor in history.items()})
        self._stage, self._rate_at_change = state["stage"].clone(), state["rate_at_change"].clone()

    def _note(self, ended: Ended) -> Figures:
        """Add the episodes to their lanes' history; how the lanes stand now."""
        steps = ended.steps.to(torch.float64)
        row = torch.stack((steps / ended.cap, steps, ended.episode_return, ended.entropy), dim=1)
        self._history.add(ended.lane, row)
        rate, survival, returns, entropy = self._history.mean(ended.lane).unbind(1)
        return Figures(
            episodes=self._history.count(ended.lane),
            survival_rate=rate,
            progress=rate - self._rate_at_change[ended.lane],
            mean_survival=survival,
            mean_return=returns,
            entropy=entropy,
        )

    def _described(self, at: int, lane: Tensor, stage: Tensor, after: Tensor, figures: Figures) -> StageChange:
        found, was, becomes = figures.of(at), int(stage[at]), int(after[at])
        return StageChange(int(lane[at]), was, becomes, self._rule.reason(becomes - was, was, found), found)
