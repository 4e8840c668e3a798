"""Feeds the curriculum with what the lanes do, and lets the world follow it."""

from collections.abc import Callable
from dataclasses import asdict

import structlog
import torch
from torch import Tensor

from actor.reporter import Reporter
from townlet.checkpoint.form import Form, check_forms
from townlet.curriculum.interface import Curriculum, Ended, StageChange
from townlet.exploration import normalised_entropy
from townlet.worlds.interface import Finished, Step, View

SetDifficulty = Callable[[Tensor, Tensor], None]
"""The world's hook: the places of lanes that have just begun an episode, and their stages, both int64 [F]."""

log = structlog.get_logger()


class Schooling:
    """One actor's lanes and their stages.

    set_difficulty: None for a world without stages, whose curriculum is static.
    caps: the longest episode at each stage.
    """

    def __init__(
        self,
        curriculum: Curriculum,
        set_difficulty: SetDifficulty | None,
        caps: list[int],
        reporter: Reporter,
        lanes: int,
        device: torch.device,
    ) -> None:
        assert len(caps) == curriculum.count, (caps, curriculum.count)
        self._curriculum = curriculum
        self._set_difficulty = set_difficulty
        self._caps = torch.tensor(caps)
        self._reporter = reporter
        self._returns = torch.zeros(lanes, dtype=torch.float64, device=device)
        self._entropies = torch.zeros(lanes, dtype=torch.float64, device=device)
        self._report()

    def add(self, view: View, epsilon: Tensor, step: Step) -> None:
        """Follow one step of every lane; each episode that ended in it is fed once, whether by death or at the cap.

        view: what the lanes saw. epsilon: float32 [L], with which they acted. step: what it brought.
        """
        if self._set_difficulty is None:
            return
        self._returns += step.reward
        self._entropies += normalised_entropy(epsilon, view.action_mask)
        if step.finished is not None:
            self._follow(self._curriculum.feed(self._ended(step, step.finished)), step.reward.device)

    def state_dict(self) -> dict[str, Tensor]:
        """The curriculum, and the sums of the running episodes, as copies."""
        curriculum = {f"curriculum.{name}": tensor for name, tensor in self._curriculum.state_dict().items()}
        return {"returns": self._returns.clone(), "entropies": self._entropies.clone(), **curriculum}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a saved state. Raises CheckpointError when it cannot be one, and then nothing has changed."""
        sums = {"returns": Form.of(self._returns), "entropies": Form.of(self._entropies)}
        check_forms("saved schooling", {name: state[name] for name in sums if name in state}, sums)
        curriculum = {name: tensor for name, tensor in state.items() if name not in sums}
        self._curriculum.load_state_dict({name.removeprefix("curriculum."): t for name, t in curriculum.items()})
        self._returns.copy_(state["returns"])
        self._entropies.copy_(state["entropies"])
        self._report()

    def _ended(self, step: Step, finished: Finished) -> Ended:
        """What the curriculum hears of the episodes that ended; the sums of their lanes begin anew."""
        lanes = finished.lanes
        ended = Ended(
            lane=lanes.cpu(),
            steps=finished.steps.cpu(),
            cap=self._caps[self._curriculum.stage[lanes.cpu()]],
            terminated=step.terminated[lanes].cpu(),
            episode_return=self._returns[lanes].cpu(),
            entropy=(self._entropies[lanes] / finished.steps).cpu(),
        )
        self._returns[lanes] = 0.0
        self._entropies[lanes] = 0.0
        return ended

    def _follow(self, changes: list[StageChange], device: torch.device) -> None:
        if not changes or self._set_difficulty is None:
            return
        lanes = torch.tensor([change.lane for change in changes], device=device)
        self._set_difficulty(lanes, torch.tensor([change.to_stage for change in changes], device=device))
        for change in changes:
            log.info("stage_changed", **_numbered_from_1(change))
            self._reporter.add_stage_change(change)
        self._report()

    def _report(self) -> None:
        if self._set_difficulty is not None:
            stage = self._curriculum.stage
            self._reporter.lanes_at_stage = torch.bincount(stage, minlength=self._curriculum.count).tolist()


def _numbered_from_1(change: StageChange) -> dict[str, object]:
    """For people, who count stages from 1."""
    shown = {name: round(value, 4) for name, value in change.figures.items()}
    return {**asdict(change), "from_stage": change.from_stage + 1, "to_stage": change.to_stage + 1, "figures": shown}
