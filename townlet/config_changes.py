"""What may change between two starts of a run, and what has changed.

What stands neither in PLACES nor in FREE may not change: what was saved would not fit it, would mean something else, or
would keep it from having any effect.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from townlet.config import Config
from townlet.errors import ForeignVersionError

Tree = dict[str, Any]

PLACES = (
    *("run", "replay.addresses", "replay.listen", "learner.address", "learner.listen", "actor.health"),
    *("replay.redis_url", "replay.redis_password_file", "replay.redis_ca", "replay.redis_cluster"),
    *("checkpoint.root", "security"),
    *("actor.policies_from", "relay"),
)
"""Where the run is, and who gets in: never compared. The number of shards is."""

FREE = {
    "how fast, how often or for how long, not what": (
        *("actor.threads", "actor.max_pending_bytes", "actor.report_period_s"),
        *("replay.redis_timeout_s", "replay.redis_replicas", "replay.durability", "replay.group_period_ms"),
        *("learner.threads", "learner.ranks", "learner.batches_per_request", "learner.prefetch_requests"),
        *("learner.publish_period_updates", "learner.save_period_s", "learner.max_updates"),
    ),
    "they look on, and take no part": ("evaluation", "checkpoint", "metrics", "tracing", "schedule.diary_rounds"),
    "actors come and go; one that no version holds begins anew": ("actor.count",),
    "epsilons are computed anew for every policy": ("exploration",),
    "nothing is kept from one update to the next but networks, moments and counters": (
        *(
            "learner.batch_size",
            "learner.precision",
            "learner.compile",
            "learner.learning_rate",
            "learner.adam_epsilon",
            "learner.huber_delta",
        ),
        *("learner.max_gradient_norm", "learner.target", "learner.averaging", "learner.importance_exponent"),
        "curiosity.learning_rate",
    ),
    "looked at anew at the end of each episode": (
        *("curriculum.min_episodes_at_stage", "curriculum.advance_survival", "curriculum.advance_entropy"),
        "curriculum.retreat_survival",
        *("curiosity.weight.minimum", "curiosity.weight.factor"),
        *("curiosity.weight.variance_below", "curiosity.weight.mean_above"),
    ),
    "looked at anew for each insert and each sample": ("replay.samples_per_insert_tolerance",),
    "tensors go where they shall be; no random stream is bound to the device, as an actor's is": ("learner.device",),
}
"""What may change, by the reason why; a section stands for all that is in it. A change is logged."""

SHOWN = 80
"""So many letters of a value are shown."""


@dataclass(frozen=True)
class Change:
    """One key. was, now: None too where it is not there."""

    key: str
    was: Any
    now: Any

    @property
    def allowed(self) -> bool:
        """Whether a run may go on with it."""
        return any(_is_in(self.key, keys) for keys in FREE.values())

    def __str__(self) -> str:
        return f"{self.key}: expected {shown(self.was)}, as it was, found {shown(self.now)}"


def changes(before: Config, now: Config) -> tuple[Change, ...]:
    """All that is different, but for places."""
    return tuple(_differences(_compared(before), _compared(now)))


def as_tree(config: Config) -> Tree:
    """The configuration as plain values, to be kept: without the URL of a server, which names a user."""
    tree = config.model_dump(mode="json")
    tree["replay"]["redis_url"] = None
    return tree


def from_tree(tree: Tree, source: str) -> Config:
    """The inverse; keys that are newer than the tree have their defaults. source: for messages.

    Raises ForeignVersionError when it is no configuration any more.
    """
    try:
        return Config.model_validate_json(json.dumps(tree))
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise ForeignVersionError(
            f"{source}: expected a configuration that this Townlet can run, found {key}: {fault['msg']}"
        ) from None


def shown(value: Any) -> str:
    """A value as in a configuration file, as far as it is short."""
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def _compared(config: Config) -> Tree:
    tree = as_tree(config)
    tree["replay"]["number_of_shards"] = len(config.replay.addresses)
    return tree


def _differences(before: Any, now: Any, at: tuple[str, ...] = ()) -> Iterator[Change]:
    """Key by key, as deep as both sides go, in the order of the configuration."""
    key = ".".join(at)
    if _is_in(key, PLACES) or before == now:
        return
    if not isinstance(before, dict) or not isinstance(now, dict):
        yield Change(key, before, now)
        return
    for part in dict.fromkeys([*before, *now]):
        yield from _differences(before.get(part), now.get(part), (*at, part))


def _is_in(key: str, keys: Collection[str]) -> bool:
    """Whether a key, or a section that it is in, is one of these."""
    parts = key.split(".")
    return any(".".join(parts[: at + 1]) in keys for at in range(len(parts)))
