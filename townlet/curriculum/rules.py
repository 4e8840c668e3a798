"""When a lane changes its stage: the rules of the `adversarial` and of the `staged` curriculum."""

import torch
from torch import Tensor

from townlet.curriculum.settings import AdversarialSettings, StagedSettings
from townlet.curriculum.stages import Figures


class Adversarial:
    """Up where a decided policy survives, down where it does not, once enough episodes at the stage have shown it."""

    def __init__(self, settings: AdversarialSettings) -> None:
        self._settings = settings

    def change(self, stage: Tensor, figures: Figures) -> Tensor:
        """int64 [F]; the same at every stage."""
        del stage
        bounds = self._settings
        shown = figures.episodes >= bounds.min_episodes_at_stage
        survives = figures.survival_rate > bounds.advance_survival
        advance = shown & survives & (figures.entropy < bounds.advance_entropy)
        retreat = shown & (figures.survival_rate < bounds.retreat_survival)
        return advance.to(torch.int64) - retreat.to(torch.int64)

    def reason(self, change: int, stage: int, figures: dict[str, float]) -> str:
        """Why a lane changes its stage."""
        del stage
        bounds, rate = self._settings, figures["survival_rate"]
        if change < 0:
            return f"survival rate {rate:.3g} is below {bounds.retreat_survival:g}"
        return (
            f"survival rate {rate:.3g} is above {bounds.advance_survival:g}, "
            f"policy entropy {figures['entropy']:.3g} is below {bounds.advance_entropy:g}"
        )


class Staged:
    """Up once the stage's figure is above its number, over a whole window of episodes; never down."""

    def __init__(self, settings: StagedSettings) -> None:
        self._settings = settings
        passes = [stage.passes for stage in settings.stages]
        # Nothing leads beyond the stage of those who have graduated.
        self._above = torch.tensor([*(each.above for each in passes), torch.inf], dtype=torch.float64)
        self._by_return = torch.tensor([*(each.figure == "mean_return" for each in passes), False])

    def change(self, stage: Tensor, figures: Figures) -> Tensor:
        """int64 [F]."""
        shown = figures.episodes >= self._settings.window_episodes
        figure = torch.where(self._by_return[stage], figures.mean_return, figures.mean_survival)
        return (shown & (figure > self._above[stage])).to(torch.int64)

    def reason(self, change: int, stage: int, figures: dict[str, float]) -> str:
        """Why a lane changes its stage."""
        passes = self._settings.stages[stage].passes
        words = f"{passes.figure.replace('_', ' ')} {figures[passes.figure]:.4g} is above {passes.above:g}"
        return words + (": graduated" if stage + change == len(self._settings.stages) else "")
