"""Episodes whose every byte follows from a number: whoever finds one can say which it is and what it must be."""

import numpy as np
from numpy.typing import NDArray

from townlet.records import RecordLayout

MARK = "intrinsic_reward"
"""The field that holds the number. Runs without curiosity neither write nor read it."""
LONGEST_STEPS = 8

Rows = NDArray[np.uint8]
"""Records [N, stride]."""


class KnownEpisodes:
    """Episodes in the layout of a run, which a learner can be trained with. number: from 1 on, below 2 ** 32."""

    def __init__(self, layout: RecordLayout) -> None:
        self.layout = layout
        self._stride = layout.stride
        self._seen = layout.observation()
        self._mask = layout.span("action_mask", "action_mask")
        self._mark = layout.span(MARK, MARK)

    def make(self, number: int) -> bytes:
        """The records of episode `number`, no two of them alike."""
        random = np.random.Generator(np.random.Philox(key=number))
        rows = np.zeros((random.integers(1, LONGEST_STEPS + 1) + 1, self._stride), np.uint8)
        seen = slice(self._seen.offset, self._seen.offset + self._seen.size)
        rows[:, seen] = random.integers(0, 2, (len(rows), self._seen.size))  # as floats tiny numbers, never NaN
        rows[:, self._mask.offset : self._mask.offset + self._mask.size] = 1
        rows[:, self._mark.offset : self._mark.offset + self._mark.size] = np.array([number], "<u4").view(np.uint8)
        return rows.tobytes()

    def rows(self, records: bytes) -> Rows:
        """The records one by one."""
        return np.frombuffer(records, np.uint8).reshape(-1, self._stride)

    def numbers(self, rows: Rows) -> NDArray[np.uint32]:
        """Which episode each record is of [N]; 0 for what somebody else has made."""
        mark = rows[:, self._mark.offset : self._mark.offset + self._mark.size]
        return np.ascontiguousarray(mark).view("<u4").ravel()
