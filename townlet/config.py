"""The configuration of a run: one frozen tree, the same for all services.

Every number has one owner here; periods and units are in the names. `townlet.config_file` reads it from YAML.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from townlet.checkpoint.retention import Retention
from townlet.curiosity import RndSettings
from townlet.curriculum.settings import CurriculumSettings, StaticSettings
from townlet.networks.settings import EntityQSettings, MlpQSettings, NetworkSettings
from townlet.settings import Count, Fraction, NonNegative, Positive, Settings
from townlet.specs import MemorySpec
from townlet.worlds.hamlet.consistency import Fault, refuse
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.settings import WorldSettings

ANY_PORT = 0
"""A port of 0 stands for one that `townlet up` chooses."""

Address = Annotated[str, Field(pattern=r"^[^:\s]+:\d{1,5}$", description="host:port")]
Measure = Literal["survival", "return"]
"""Steps survived, or the sum of an episode's unscaled rewards."""
Device = Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")]


class RunSettings(Settings):
    """Where a run lives: everything it writes is under `root`/`name`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "run"
    root: Annotated[Path, Field(strict=False)] = Path("runs")

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / self.name


class LadderSettings(Settings):
    """One fixed epsilon a lane: base ** (1 + exponent * i / (N - 1)) for lane i of all N lanes of all actors."""

    kind: Literal["ladder"] = "ladder"
    base: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.4
    exponent: NonNegative = 7.0


class DecaySettings(Settings):
    """One epsilon for all lanes, multiplied by `factor` at each finished episode of the run."""

    kind: Literal["decay"] = "decay"
    start: Fraction = 1.0
    minimum: Fraction = 0.01
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.995


class ActorSettings(Settings):
    """How many actors there are and what each of them steps.

    part_length: an episode longer than this is pushed in consecutive parts of this many steps.
    max_pending_bytes: episodes waiting for an acknowledgement; beyond it the actor stops stepping. It bounds how old
        an episode may be when it can first be sampled.
    """

    count: Count = 1
    lanes: Count = 64
    part_length: Count = 1024
    device: Device = "cpu"
    threads: Count = 1
    max_pending_bytes: Count = 4 * 2**20
    report_period_s: Positive = 0.5


class UniformSettings(Settings):
    """Every valid window start is equally likely."""

    kind: Literal["uniform"] = "uniform"


class PrioritizedSettings(Settings):
    """A window start is drawn with probability proportional to priority ** exponent (Schaul et al. 2016)."""

    kind: Literal["prioritized"] = "prioritized"
    exponent: Fraction = 0.6


class ReplaySettings(Settings):
    """The replay service: one address a shard.

    capacity: records held by all shards together; the oldest episodes go first.
    min_size_to_sample: steps inserted before the first sample.
    samples_per_insert: how often an inserted step is sampled in the long run; null lets both sides run free.
    samples_per_insert_tolerance: how many samples the balance may stray to either side; null chooses enough for all
        running episodes to arrive at once.
    redis_url: the server behind the shards; null starts one in the run's folder.
    durability: "disk" acknowledges an append once Redis has it in its append-only file; "memory" once Redis has it.
    group_period_ms: appends that arrive within this time are written in one transaction.
    """

    addresses: Annotated[tuple[Address, ...], Field(min_length=1)] = (f"127.0.0.1:{ANY_PORT}",)
    capacity: Count = 500_000
    min_size_to_sample: Count = 1_000
    samples_per_insert: Positive | None = 1.0
    samples_per_insert_tolerance: Positive | None = None
    sampler: Annotated[UniformSettings | PrioritizedSettings, Field(discriminator="kind")] = UniformSettings()
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://")] | None = None
    redis_timeout_s: Positive = 10.0
    durability: Literal["disk", "memory"] = "disk"
    group_period_ms: NonNegative = 2.0


class PolyakSettings(Settings):
    """The target network moves by `tau` towards the online network at each update."""

    kind: Literal["polyak"] = "polyak"
    tau: Annotated[float, Field(gt=0.0, le=1.0)] = 0.005


class CopySettings(Settings):
    """The target network becomes a copy of the online network every `period_updates`."""

    kind: Literal["copy"] = "copy"
    period_updates: Count = 2_500


class SequenceSettings(Settings):
    """What a recurrent network is trained on: windows of burn_in + unroll steps (Kapturowski et al. 2019, R2D2).

    burn_in: steps that only warm up the recurrent state, from the one that was stored.
    unroll: steps that are learned from.
    period: windows start at every so many steps of an episode; it divides burn_in.
    priority_eta: priority of a window = eta * largest + (1 - eta) * mean of its absolute TD errors.
    """

    burn_in: Annotated[int, Field(ge=0)] = 8
    unroll: Count = 16
    period: Count = 8
    priority_eta: Fraction = 0.9


class LearnerSettings(Settings):
    """Double, dueling, n-step Q-learning, and the head of the run.

    reward_scale: applied to the extrinsic reward when a batch is assembled, never to what is stored or shown.
    averaging: decay an update of the averaged network, the one that is evaluated.
    importance_exponent: beta of prioritized replay; without effect on uniform sampling.
    value_rescaling: learn h(Q) in place of Q, for rewards of very different sizes (Pohlen et al. 2018).
    sequence: of a recurrent network; without one null, and then batches are of single transitions.
    batches_per_request: batches drawn in one call to the replay service.
    prefetch_requests: calls answered ahead of the update that uses them.
    """

    address: Address = f"127.0.0.1:{ANY_PORT}"
    device: Device = "cpu"
    threads: Count = 1
    batch_size: Count = 64
    learning_rate: Positive = 2.5e-4
    adam_epsilon: Positive = 1e-8
    gamma: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    n_step: Count = 5
    huber_delta: Positive = 1.0
    max_gradient_norm: Positive = 10.0
    target: Annotated[PolyakSettings | CopySettings, Field(discriminator="kind")] = PolyakSettings()
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    reward_scale: Positive = 1.0
    value_rescaling: bool = False
    sequence: SequenceSettings | None = None
    importance_exponent: Fraction = 0.4
    max_updates: Count | None = None
    publish_period_updates: Count = 50
    save_period_s: Positive = 30.0
    batches_per_request: Count = 8
    prefetch_requests: Count = 2


class GoalSettings(Settings):
    """What the run is for: steps survived, or the sum of an episode's unscaled rewards.

    mean_survival, mean_return: one of the two; reached by the first evaluation that is at least this.
    hold: the next `confirmations` evaluations must be at least this.
    stop: whether the run ends once the goal is reached and confirmed.
    """

    mean_survival: Positive | None = None
    mean_return: float | None = None
    hold: float
    confirmations: Annotated[int, Field(ge=0)] = 3
    stop: bool = True

    @property
    def measure(self) -> Measure:
        """What must be reached."""
        return "survival" if self.mean_return is None else "return"

    @property
    def value(self) -> float:
        """How much of it."""
        value = self.mean_survival if self.mean_return is None else self.mean_return
        assert value is not None
        return value

    @model_validator(mode="after")
    def _has_one_measure(self) -> Self:
        given = [name for name in ("mean_survival", "mean_return") if getattr(self, name) is not None]
        _require(
            len(given) == 1, f"expected one of mean_survival and mean_return, found {' and '.join(given) or 'none'}"
        )
        return self


class EvaluationSettings(Settings):
    """Greedy episodes of the averaged network, played beside the training."""

    enabled: bool = True
    episodes: Count = 200
    period_updates: Count = 3_000
    goal: GoalSettings | None = None


class CheckpointSettings(Settings):
    """The versions of the run.

    root: a path, or a URL for fsspec; null: `versions` in the run's folder.
    period_s: between two versions; null for none but those that are asked for, and the last one.
    keep: which of them are kept.
    cut_limit_s: everybody has to stand still within this time, else the version is given up; and so with
    write_limit_s: everybody's files.
    """

    root: str | None = None
    period_s: Positive | None = 60.0
    keep: Retention = Retention(last=3)
    cut_limit_s: Positive = 30.0
    write_limit_s: Positive = 600.0


class Config(Settings):
    """The whole configuration of a run."""

    run: RunSettings = RunSettings()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
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
    def windows_per_request(self) -> int:
        """Windows that the learner draws in one call."""
        return self.learner.batch_size * self.learner.batches_per_request

    def digest(self) -> str:
        """Identifies what is learned and how, whatever a run is called, wherever it is and however long it goes on."""
        elsewhere = {"replay": {"addresses", "redis_url"}, "learner": {"address", "max_updates"}}
        tree = self.model_dump(mode="json", exclude={"run": True, "checkpoint": True, "evaluation": True, **elsewhere})
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
            _require(
                self.recurrent_hidden is not None,
                f"learner.sequence: expected a recurrent network, found {self.network.kind}; burn-in and unroll mean "
                "nothing without one",
            )
        if sequence := self.sequence:
            _require(
                max(1, sequence.burn_in) % sequence.period == 0,
                f"learner.sequence.period: expected a divisor of the burn-in of {sequence.burn_in}, found "
                f"{sequence.period}; the recurrent state is stored once a period",
            )
            _require(
                sequence.burn_in + sequence.unroll <= self.steps_per_part,
                f"learner.sequence: expected burn_in + unroll of at most {self.steps_per_part}, the longest episode, "
                f"found {sequence.burn_in} + {sequence.unroll}",
            )
        if isinstance(self.network, EntityQSettings):
            _require(
                self.network.features % self.network.heads == 0,
                f"network.heads: expected a divisor of features, {self.network.features}, found {self.network.heads}",
            )
        return self

    @model_validator(mode="after")
    def _can_proceed(self) -> Self:
        """Refuses settings with which the run would wait for ever."""
        shards, replay = len(self.replay.addresses), self.replay
        part = self.steps_per_part + 1
        _require(
            self.shard_capacity >= 2 * part,
            f"replay.capacity: expected at least {2 * part * shards} (two whole parts of {part} records in each of "
            f"{shards} shards), found {replay.capacity}",
        )
        _require(
            replay.min_size_to_sample <= replay.capacity // 2,
            f"replay.min_size_to_sample: expected at most {replay.capacity // 2} (half of replay.capacity), "
            f"found {replay.min_size_to_sample}; sampling would never start",
        )
        if replay.samples_per_insert is not None:
            burst = replay.samples_per_insert * self.steps_per_part * shards
            least = max(burst, self.windows_per_request * shards)
            _require(
                self.tolerance >= least,
                f"replay.samples_per_insert_tolerance: expected at least {least:g} (one part brings {burst:g} samples, "
                f"one request takes {self.windows_per_request}), found {self.tolerance:g}",
            )
        return self


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
