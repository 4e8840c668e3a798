"""The last episodes of each lane. L lanes, F of them, C columns, W the window: how many episodes are kept."""

import torch
from torch import Tensor

from townlet.checkpoint.form import Form, check_forms


class History:
    """A ring of the last W rows of C numbers for each lane."""

    def __init__(self, lanes: int, columns: int, window: int) -> None:
        self._rows = torch.zeros(lanes, columns, window, dtype=torch.float64)
        self._count = torch.zeros(lanes, dtype=torch.int64)

    def add(self, lane: Tensor, row: Tensor) -> None:
        """One row for each of some lanes. lane: int64 [F], each at most once. row: float64 [F, C]."""
        assert row.shape == (len(lane), self._rows.shape[1]), (row.shape, self._rows.shape)
        self._rows[lane, :, self._count[lane] % self._rows.shape[2]] = row
        self._count[lane] += 1

    def count(self, lane: Tensor) -> Tensor:
        """Rows added since they were last forgotten, int64 [F]."""
        return self._count[lane]

    def mean(self, lane: Tensor) -> Tensor:
        """Over the last rows, at most W, float64 [F, C]; 0 where there is none."""
        kept = self._count[lane].clamp(min=1, max=self._rows.shape[2])
        return self._rows[lane].sum(dim=2) / kept[:, None]

    def forget(self, lane: Tensor) -> None:
        """Begin anew in some lanes. lane: int64 [F]."""
        self._rows[lane] = 0.0
        self._count[lane] = 0

    def state_dict(self) -> dict[str, Tensor]:
        """Copies."""
        return {"rows": self._rows.clone(), "count": self._count.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Raises CheckpointError, and then nothing has changed."""
        forms = {
            "rows": Form("float64", tuple(self._rows.shape)),
            "count": Form("int64", tuple(self._count.shape), least=0),
        }
        check_forms("saved curriculum", state, forms)
        self._rows, self._count = state["rows"].clone(), state["count"].clone()
