"""The curriculum that never changes anything."""

import torch
from torch import Tensor

from townlet.checkpoint.form import check_forms
from townlet.curriculum.interface import Ended, StageChange


class Static:
    """One stage for all lanes: the level as it is."""

    def __init__(self, lanes: int) -> None:
        self.count = 1
        self._lanes = lanes

    @property
    def stage(self) -> Tensor:
        """int64 [L], all 0."""
        return torch.zeros(self._lanes, dtype=torch.int64)

    def feed(self, ended: Ended) -> list[StageChange]:
        """Nothing changes."""
        del ended
        return []

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing: no decision depends on anything."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Raises CheckpointError when there is anything."""
        check_forms("saved curriculum", state, {})
