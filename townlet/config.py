"""The configuration of a run: one frozen tree, the same for all services.

Every number has one owner here; periods and units are in the names. `townlet.config_file` reads it from YAML.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from townlet.checkpoint.retention import Retention
from townlet.curiosity import RndSettings
from townlet.curriculum.settings import CurriculumSettings, StaticSettings
from townlet.evaluation_settings import EvaluationSettings, Measure
from townlet.exploration_settings import DecaySettings, LadderSettings
from townlet.learner_settings import LearnerSettings, SequenceSettings
from townlet.metrics_settings import MetricsSettings
from townlet.networks.settings import EntityQSettings, MlpQSettings, NetworkSettings
from townlet.ordinal import actor_name
from townlet.relay_settings import RelaySettings
from townlet.replay_settings import ReplaySettings
from townlet.schedule import AsyncSettings, LockstepSettings, ScheduleSettings
from townlet.security_settings import SecuritySettings, Url
from townlet.settings import Address, Count, Device, Positive, Settings, require
from townlet.specs import MemorySpec
from townlet.tracing_settings import TracingSettings
from townlet.worlds.hamlet.consistency import Fault, refuse
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.settings import WorldSettings


class RunSettings(Settings):
    """Where a run lives: everything it writes is under `root`/`name`.

    grace_s: a process that is told to stop stays for so long at most, for the sake of the last version.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "run"
    root: Annotated[Path, Field(strict=False)] = Path("runs")
    grace_s: Positive = 15.0

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / self.name


class ActorSettings(Settings):
    """How many actors there are and what each of them steps.

    part_length: an episode longer than this is pushed in consecutive parts of this many steps.
    max_pending_bytes: episodes waiting for an acknowledgement; beyond it the actor stops stepping. It bounds how old
        an episode may be when it can first be sampled.
    health: where each actor, and the evaluator, tells whether it is well, in a container of its own; null: nowhere.
    policies_from: a relay that passes policies on; null: the learner.
    """

    count: Count = 1
    lanes: Count = 64
    part_length: Count = 1024
    device: Device = "cpu"
    threads: Count = 1
    max_pending_bytes: Count = 4 * 2**20
    report_period_s: Positive = 0.5
    health: Address | None = None
    policies_from: Address | None = None


class CheckpointSettings(Settings):
    """The versions of the run.

    root: a path, or a URL for fsspec; null: `versions` in the run's folder.
    period_s: between two versions; null for none but those that are asked for, and the last one.
    keep: which of them are kept.
    cut_limit_s: everybody has to stand still within this time, else the version is given up; and so with
    write_limit_s: everybody's files.
    """

    root: Url | None = None
    period_s: Positive | None = 60.0
    keep: Retention = Retention(last=3)
    cut_limit_s: Positive = 30.0
    write_limit_s: Positive = 600.0


class Config(Settings):
    """The whole configuration of a run."""

    run: RunSettings = RunSettings()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    schedule: ScheduleSettings = AsyncSettings()
    world: WorldSettings
    network: NetworkSettings = MlpQSettings()
    exploration: Annotated[LadderSettings | DecaySettings, Field(discriminator="kind")] = LadderSettings()
    curriculum: CurriculumSettings = StaticSettings()
    curiosity: RndSettings | None = None
    actor: ActorSettings = ActorSettings()
    replay: ReplaySettings = ReplaySettings()
    learner: LearnerSettings = LearnerSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    relay: RelaySettings = RelaySettings()
    security: SecuritySettings = SecuritySettings()
    metrics: MetricsSettings = MetricsSettings()
    tracing: TracingSettings = TracingSettings()

    @property
    def actor_names(self) -> tuple[str, ...]:
        """In the order of their lanes."""
        return tuple(actor_name(index) for index in range(self.actor.count))

    @property
    def shard_names(self) -> tuple[str, ...]:
        """As components of the versions."""
        return tuple(f"replay-{index}" for index in range(len(self.replay.addresses)))

    @property
    def steps_per_part(self) -> int:
        """The most steps that one append can bring."""
        return min(self.actor.part_length, self.world.step_cap or self.actor.part_length)

    @property
    def measure(self) -> Measure:
        """What tells how well an agent does: what the goal asks for, else what the world is about."""
        goal = self.evaluation.goal
        return goal.measure if goal is not None else self.world.measure

    @property
    def shard_capacity(self) -> int:
        """Records that each shard holds."""
        return self.replay.capacity // len(self.replay.addresses)

    @property
    def tolerance(self) -> float:
        """Samples by which the limiter's balance may stray to either side, over all shards."""
        if self.replay.samples_per_insert_tolerance is not None:
            return self.replay.samples_per_insert_tolerance
        shards = len(self.replay.addresses)
        running = max(self.actor.count * self.actor.lanes, shards) * self.steps_per_part
        return (self.replay.samples_per_insert or 1.0) * running + self.windows_per_request * shards

    @property
    def recurrent_hidden(self) -> int | None:
        """Width of the network's LSTM; None without one."""
        return self.network.recurrent_hidden

    @property
    def sequence(self) -> SequenceSettings | None:
        """What a recurrent network is trained on; None for a feed-forward one."""
        return None if self.recurrent_hidden is None else self.learner.sequence or SequenceSettings()

    @property
    def memory(self) -> MemorySpec | None:
        """What the network asks of the records; None of a feed-forward one."""
        if self.recurrent_hidden is None or self.sequence is None:
            return None
        return MemorySpec(state_size=2 * self.recurrent_hidden, period=self.sequence.period)

    @property
    def window_period(self) -> int:
        """Windows start at every so many steps of an episode."""
        return self.sequence.period if self.sequence else 1

    @property
    def updates_per_round(self) -> int:
        """In lockstep: updates that the learner makes in each round."""
        assert isinstance(self.schedule, LockstepSettings)
        if self.schedule.updates_per_round is not None:
            return self.schedule.updates_per_round
        steps = self.schedule.steps_per_round * self.actor.lanes * self.actor.count
        return max(1, round((self.replay.samples_per_insert or 0.0) * steps / self.learner.batch_size))

    @property
    def windows_per_request(self) -> int:
        """Windows that the learner draws in one call."""
        return self.learner.batch_size * self.learner.batches_per_request

    def digest(self) -> str:
        """Identifies what is learned and how, whatever a run is called, wherever it is and however long it goes on."""
        redis = {"redis_url", "redis_password_file", "redis_ca", "redis_cluster", "redis_replicas"}
        elsewhere = {
            "replay": {"addresses", "listen", *redis},
            "learner": {"address", "listen", "max_updates", "ranks"},
            "actor": {"health", "policies_from"},
        }
        apart = ("run", "checkpoint", "evaluation", "relay", "security", "metrics", "tracing")
        tree = self.model_dump(mode="json", exclude={**dict.fromkeys(apart, True), **elsewhere})
        tree["replay"]["shards"] = len(self.replay.addresses)
        return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]

    @model_validator(mode="after")
    def _curriculum_fits_the_world(self) -> Self:
        """Refuses stages that the world cannot honour."""
        faults: list[Fault] = []
        if isinstance(self.world, HamletSettings):
            faults = [(("curriculum", *path), sentence) for path, sentence in self.curriculum.faults(self.world)]
        elif self.curriculum.difficulties:
            expected = f"static (only the world hamlet has stages; world.kind is {self.world.kind})"
            faults = [(("curriculum", "kind"), f"expected {expected}, found {self.curriculum.kind}")]
        refuse("Config", faults)
        return self

    @model_validator(mode="after")
    def _network_can_be_trained(self) -> Self:
        """Refuses sequences and networks that do not go together."""
        if self.learner.sequence is not None:
            require(
                self.recurrent_hidden is not None,
                f"learner.sequence: expected a recurrent network, found {self.network.kind}; burn-in and unroll mean "
                "nothing without one",
            )
        if sequence := self.sequence:
            require(
                max(1, sequence.burn_in) % sequence.period == 0,
                f"learner.sequence.period: expected a divisor of the burn-in of {sequence.burn_in}, found "
                f"{sequence.period}; the recurrent state is stored once a period",
            )
            require(
                sequence.burn_in + sequence.unroll <= self.steps_per_part,
                f"learner.sequence: expected burn_in + unroll of at most {self.steps_per_part}, the longest episode, "
                f"found {sequence.burn_in} + {sequence.unroll}",
            )
        if isinstance(self.network, EntityQSettings):
            require(
                self.network.features % self.network.heads == 0,
                f"network.heads: expected a divisor of features, {self.network.features}, found {self.network.heads}",
            )
        return self

    @model_validator(mode="after")
    def _can_keep_step(self) -> Self:
        """Refuses what lockstep cannot promise."""
        if isinstance(self.schedule, LockstepSettings):
            require(
                self.schedule.updates_per_round is not None or self.replay.samples_per_insert is not None,
                "schedule.updates_per_round: expected a number, since replay.samples_per_insert is null, found null",
            )
            shards = len(self.replay.addresses)
            require(
                shards <= self.actor.count,
                f"replay.addresses: expected at most {self.actor.count} shards, one for each actor, found {shards}",
            )
        return self

    @model_validator(mode="after")
    def _can_proceed(self) -> Self:
        """Refuses settings with which the run would wait for ever."""
        shards, replay = len(self.replay.addresses), self.replay
        part = self.steps_per_part + 1
        require(
            self.shard_capacity >= 2 * part,
            f"replay.capacity: expected at least {2 * part * shards} (two whole parts of {part} records in each of "
            f"{shards} shards), found {replay.capacity}",
        )
        require(
            replay.min_size_to_sample <= replay.capacity // 2,
            f"replay.min_size_to_sample: expected at most {replay.capacity // 2} (half of replay.capacity), "
            f"found {replay.min_size_to_sample}; sampling would never start",
        )
        if replay.samples_per_insert is not None:
            burst = replay.samples_per_insert * self.steps_per_part * shards
            least = max(burst, self.windows_per_request * shards)
            require(
                self.tolerance >= least,
                f"replay.samples_per_insert_tolerance: expected at least {least:g} (one part brings {burst:g} samples, "
                f"one request takes {self.windows_per_request}), found {self.tolerance:g}",
            )
        return self
