"""Which versions may go."""

from collections.abc import Collection, Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from townlet.checkpoint.manifest import Manifest
from townlet.settings import Count, Settings


class Retention(Settings):
    """What is kept: the last so many, and the best so many by a metric. Pinned versions are kept besides."""

    last: Count = 5
    best: int = Field(default=0, ge=0)
    best_by: str | None = None
    best_is: Literal["highest", "lowest"] = "highest"

    @model_validator(mode="after")
    def _best_needs_a_metric(self) -> Self:
        if self.best and self.best_by is None:
            raise ValueError("best: expected a metric in best_by, found none")
        return self


def expendable(manifests: Sequence[Manifest], pinned: Collection[int], retention: Retention) -> tuple[int, ...]:
    """The IDs of those that may go, oldest first. Where a metric is equal, the newer is the better."""
    ordered = sorted(manifests, key=lambda manifest: manifest.version)
    kept = set(pinned) | {manifest.version for manifest in ordered[-retention.last :]}
    metric, sign = retention.best_by, 1 if retention.best_is == "highest" else -1
    if metric is not None and retention.best:
        judged = [manifest for manifest in ordered if metric in manifest.metrics]
        judged.sort(key=lambda manifest: (sign * manifest.metrics[metric], manifest.version))
        kept |= {manifest.version for manifest in judged[-retention.best :]}
    return tuple(manifest.version for manifest in ordered if manifest.version not in kept)
