"""How far acting and learning may run apart: the limiter of samples per insert (Reverb: Cassirer et al. 2021).

The balance is what has been inserted, in samples, less what has been sampled:

    balance = inserted * samples_per_insert - sampled

and is held within `tolerance` of min_size * samples_per_insert, once min_size steps have been inserted. Whatever is too
big for that by itself may go when the balance is even or the other side is ahead: so one side can always move. Where
the ratio is changed on the way, what was inserted and sampled by the old one is set off against each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class RateLimiter:
    """Says who may go on.

    samples_per_insert: samples for each inserted step in the long run; None lets both sides run free.
    min_size: steps inserted before the first sample.
    tolerance: samples. offset: samples that changes of the ratio have set off.
    """

    samples_per_insert: float | None
    min_size: int
    tolerance: float
    inserted: int = 0
    sampled: int = 0
    offset: float = 0.0

    @property
    def balance(self) -> float:
        """Samples that inserts have paid for and nobody has drawn, above the start at min_size."""
        return (self.inserted - self.min_size) * (self.samples_per_insert or 0.0) - self.sampled + self.offset

    def change(self, samples_per_insert: float | None, tolerance: float) -> None:
        """Hold another ratio from now on. The balance stays as it is, but for what the tolerance does not allow."""
        balance = 0.0 if self.samples_per_insert is None else max(-tolerance, min(tolerance, self.balance))
        self.samples_per_insert, self.tolerance, self.offset = samples_per_insert, tolerance, 0.0
        if self.inserted >= self.min_size:
            self.offset = balance - self.balance

    def state(self) -> dict[str, float]:
        """Its books, and what it holds; a ratio of 0 lets both sides run free."""
        return {
            "inserted": self.inserted,
            "sampled": self.sampled,
            "ratio": float(self.samples_per_insert or 0.0),
            "tolerance": float(self.tolerance),
            "offset": float(self.offset),
        }

    def load_state(self, state: Mapping[str, float]) -> None:
        """Be as the limiter whose `state` this was. Where it held another ratio than this one, that is held on."""
        self.inserted, self.sampled, self.offset = int(state["inserted"]), int(state["sampled"]), state["offset"]
        ratio = state["ratio"] or None
        if ratio != self.samples_per_insert:
            self.samples_per_insert, self.tolerance = ratio, state["tolerance"]

    def can_insert(self, steps: int, pending: int = 0) -> bool:
        """Whether `steps` more may be inserted now, on top of `pending` ones that are on their way."""
        if self.samples_per_insert is None:
            return True
        balance = self.balance + pending * self.samples_per_insert
        return balance <= 0.0 or balance + steps * self.samples_per_insert <= self.tolerance

    def can_sample(self, windows: int) -> bool:
        """Whether `windows` more may be sampled now."""
        if self.inserted < self.min_size:
            return False
        if self.samples_per_insert is None:
            return True
        return self.balance >= 0.0 or self.balance - windows >= -self.tolerance

    def why_no_insert(self) -> str:
        """What an insert waits for."""
        return f"inserts wait for samples: {self.balance:.0f} samples ahead, at most {self.tolerance:.0f} allowed"

    def why_no_sample(self) -> str:
        """What a sample waits for."""
        if self.inserted < self.min_size:
            return f"samples wait for inserts: {self.inserted} of the first {self.min_size} steps are there"
        return f"samples wait for inserts: {-self.balance:.0f} samples ahead, at most {self.tolerance:.0f} allowed"
