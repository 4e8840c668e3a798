"""The `replay` section of a configuration."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from townlet.security_settings import File, Url
from townlet.settings import ANY_PORT, Address, Count, Fraction, NonNegative, Positive, Settings, require


class UniformSettings(Settings):
    """Every valid window start is equally likely."""

    kind: Literal["uniform"] = "uniform"


class PrioritizedSettings(Settings):
    """A window start is drawn with probability proportional to priority ** exponent (Schaul et al. 2016)."""

    kind: Literal["prioritized"] = "prioritized"
    exponent: Fraction = 0.6


class ReplaySettings(Settings):
    """The replay service: one address a shard.

    addresses: what the others dial. listen: where every shard listens, each in a container of its own; null: each at
        its address.
    capacity: records held by all shards together; the oldest episodes go first.
    min_size_to_sample: steps inserted before the first sample.
    samples_per_insert: how often an inserted step is sampled in the long run; null lets both sides run free.
    samples_per_insert_tolerance: how many samples the balance may stray to either side; null chooses enough for all
        running episodes to arrive at once.
    redis_url: the server behind the shards, with a user if it has one (rediss://USER@HOST:PORT/0), never with a
        password; null starts one in the run's folder.
    redis_password_file: holds the user's password, and nothing else; null takes it from TOWNLET_REDIS_PASSWORD, if set.
    redis_ca: of a server behind TLS: the certificate of its authority; null trusts those that this machine trusts.
    redis_cluster: the URL names a node of a Redis Cluster; each shard lives on one of its nodes.
    redis_replicas: so many replicas have to have an append too (in their append-only files, with durability "disk")
        before it is acknowledged; so that when the server dies for good, one of them can take its place.
    durability: "disk" acknowledges an append once Redis has it in its append-only file; "memory" once Redis has it.
    group_period_ms: appends that arrive within this time are written in one transaction.
    """

    addresses: Annotated[tuple[Address, ...], Field(min_length=1)] = (f"127.0.0.1:{ANY_PORT}",)
    listen: Address | None = None
    capacity: Count = 500_000
    min_size_to_sample: Count = 1_000
    samples_per_insert: Positive | None = 1.0
    samples_per_insert_tolerance: Positive | None = None
    sampler: Annotated[UniformSettings | PrioritizedSettings, Field(discriminator="kind")] = UniformSettings()
    redis_url: Annotated[Url, Field(pattern=r"^(rediss?|unix)://")] | None = None
    redis_password_file: File | None = None
    redis_ca: File | None = None
    redis_cluster: bool = False
    redis_replicas: Annotated[int, Field(ge=0)] = 0
    redis_timeout_s: Positive = 10.0
    durability: Literal["disk", "memory"] = "disk"
    group_period_ms: NonNegative = 2.0

    @model_validator(mode="after")
    def _cluster_is_somewhere_else(self) -> Self:
        """Refuses a cluster behind a socket, as of the server that `townlet up` starts."""
        require(
            not self.redis_cluster or not (self.redis_url or "").startswith("unix:"),
            "redis_cluster: expected replay.redis_url to name a node, redis://HOST:PORT or rediss://HOST:PORT, "
            f"found {self.redis_url}",
        )
        return self
