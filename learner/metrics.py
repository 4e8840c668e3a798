"""What the learner shows of itself and of the run. Every metric is explained in docs/metrics.md."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric

from learner.head import Head, State
from learner.lags import Lags
from learner.sample_client import SampleClient
from learner.scoreboard import Scoreboard
from learner.versions import Step
from learner.waits import KINDS
from townlet.metrics.readings import Readings, counter, counters, gauge, gauges

PHASES_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class VersionMetrics:
    """Follows the versions as they are made. committed_s: seconds ago, of the one that the run goes on from."""

    def __init__(self, registry: CollectorRegistry, committed_s: float = 0.0) -> None:
        self._newest_s = time.monotonic() - committed_s
        self._step_s = 0.0
        self._phases = Histogram(
            "townlet_checkpoint_seconds",
            "What each phase of a version took: until everybody had been cut, had written, and it was committed.",
            ["phase"],
            buckets=PHASES_S,
            registry=registry,
        )
        self._versions = Counter(
            "townlet_checkpoints_total", "Versions that were begun, by how they ended.", ["outcome"], registry=registry
        )
        for outcome in ("committed", "given_up"):
            self._versions.labels(outcome)
        registry.register(Readings(self._read))

    def note(self, step: Step) -> None:
        """A version has come so far."""
        now_s = time.monotonic()
        if step.name in ("cut", "written", "committed"):
            self._phases.labels(step.name).observe(now_s - self._step_s)
        if step.name in ("committed", "given up"):
            self._versions.labels(step.name.replace(" ", "_")).inc()
        if step.name == "committed":
            self._newest_s = now_s
        self._step_s = now_s

    def _read(self) -> Iterable[Metric]:
        yield gauge(
            "townlet_checkpoint_age_seconds",
            "Since the newest version was committed; before the first, since the learner started.",
            time.monotonic() - self._newest_s,
        )


@dataclass(frozen=True)
class RunReadings:
    """How the run stands, as the learner knows it. updates: made since the run began."""

    scoreboard: Scoreboard
    head: Head
    lags: Lags
    updates: Callable[[], int]

    def read(self) -> Iterable[Metric]:
        """All of it."""
        yield from self._run()
        yield from self._learner()
        yield from self._policy(time.monotonic())
        yield from self._members(time.monotonic())

    def _run(self) -> Iterable[Metric]:
        head = self.head
        greedy = head.evaluations.last
        yield counter(
            "townlet_run_environment_steps_total", "Steps of all lanes since the run began.", head.environment_steps
        )
        yield counter("townlet_run_episodes_total", "Episodes finished since the run began.", head.episodes)
        yield counter(
            "townlet_run_dropped_episodes_total",
            "Episodes abandoned since the run began, because their environment failed.",
            head.dropped_episodes,
        )
        yield gauge("townlet_run_survival_steps", "Length of the last hundred training episodes.", head.mean_survival)
        yield gauge("townlet_run_return", "Return of the last hundred training episodes.", head.mean_return)
        yield gauge(
            "townlet_run_greedy_survival_steps",
            "Length of the episodes of the last evaluation.",
            greedy.mean_survival if greedy else None,
        )
        yield gauge(
            "townlet_run_greedy_return",
            "Return of the episodes of the last evaluation.",
            greedy.mean_return if greedy else None,
        )
        waits = {wait.kind for wait in self.scoreboard.waits()}
        yield gauges(
            "townlet_run_waiting",
            "Whether somebody waits for this: 1 or 0.",
            "reason",
            {kind: kind in waits for kind in KINDS},
        )

    def _learner(self) -> Iterable[Metric]:
        means = self.scoreboard.means
        yield counter("townlet_learner_updates_total", "Updates since the run began.", self.updates())
        yield gauge("townlet_learner_loss", "Mean over the last second's updates.", means.loss if means else None)
        yield gauge("townlet_learner_q", "Mean value of what was done, likewise.", means.mean_q if means else None)
        yield gauge(
            "townlet_learner_gradient_norm",
            "Mean before it is clipped, likewise.",
            means.gradient_norm if means else None,
        )
        yield gauge(
            "townlet_learner_shards_away", "Shards that do not answer the learner.", self.scoreboard.shards_away
        )

    def _policy(self, now_s: float) -> Iterable[Metric]:
        newest, acting = self.scoreboard.policy_version, self.head.present_actors(now_s)
        versions = {name: self.head.members[name].policy_version for name in acting}
        yield gauge("townlet_policy_version", "The newest policy; 0 before the first.", newest)
        yield gauge("townlet_policy_age_seconds", "Since the newest policy was published.", self.lags.age_s(now_s))
        yield gauges(
            "townlet_policy_lag_versions",
            "How many policies are newer than the one that an actor acts with.",
            "member",
            {name: max(0, newest - version) for name, version in versions.items()},
        )
        yield gauges(
            "townlet_policy_lag_seconds",
            "Since when there is a newer policy than the one that an actor acts with; 0 when there is none.",
            "member",
            {name: self.lags.behind_s(version, now_s) for name, version in versions.items()},
        )

    def _members(self, now_s: float) -> Iterable[Metric]:
        states = [self.head.state_of(name, now_s) for name in self.head.members]
        yield gauges(
            "townlet_members",
            "Members of the run, the evaluator too.",
            "state",
            {state.value: states.count(state) for state in State},
        )
        yield counters(
            "townlet_member_joins_total",
            "How often a member has joined since the run began, as a new process each time.",
            "member",
            {name: member.joins for name, member in self.head.members.items()},
        )


def batch_readings(replay: SampleClient) -> Iterable[Metric]:
    """How well the learner is fed, in the schedule async."""
    yield counter(
        "townlet_learner_batch_wait_seconds_total",
        "Seconds in which the learner had no batch to learn from.",
        replay.waited_s,
    )
    yield gauge("townlet_learner_ready_requests", "Answered requests for batches that wait to be used.", replay.ready)
