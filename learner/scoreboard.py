"""Looks at the whole run once a second: for the admin service, for TensorBoard, and to see about the goal."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import grpc
import grpc.aio

from learner.head import Head
from learner.intrinsic_weight import IntrinsicWeight
from learner.meter import Means, Meter
from learner.publisher import Publisher
from learner.rounds import Rounds
from learner.stalls import Stalls
from learner.waits import Wait, in_words, limiters_awaited, members_awaited, shards_awaited, standing_still
from protos import admin_pb2, replay_pb2
from townlet.rpc import CALL_TIMEOUT_S

if TYPE_CHECKING:
    from protos.replay_pb2_grpc import ReplayServiceAsyncStub  # exists for the type checker only

PERIOD_S = 1.0
RATE_WINDOW_LOOKS = 6
EVALUATIONS_SHOWN = 50


class Scalars(Protocol):
    """Where curves go: TensorBoard's SummaryWriter, or a list in a test."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """One point of a curve."""


class Scoreboard:
    """Lives on the servers' event loop.

    updates: how many the learner has made. finish: called once the confirmed goal says that the run shall end.
    intrinsic_weight: what novelty is worth; None without curiosity. rounds: of lockstep; None in async.
    paused: whether the training was told to stand still. cut_waits: whom a version that is being cut waits for, in
    words.
    """

    def __init__(
        self,
        run: str,
        head: Head,
        publisher: Publisher,
        meter: Meter,
        updates: Callable[[], int],
        epsilons: Callable[[], tuple[float, float]],
        scalars: Scalars,
        finish: Callable[[], None],
        intrinsic_weight: IntrinsicWeight | None = None,
        rounds: Rounds | None = None,
        paused: Callable[[], bool] = lambda: False,
        cut_waits: Callable[[], str] = str,
    ) -> None:
        self._run = run
        self._head = head
        self._publisher = publisher
        self._meter = meter
        self._updates = updates
        self._epsilons = epsilons
        self._scalars = scalars
        self._finish = finish
        self._intrinsic_weight = intrinsic_weight
        self._rounds = rounds
        self._paused = paused
        self._cut_waits = cut_waits
        self._stalls = Stalls()
        self._means: Means | None = None
        self._replay: list[replay_pb2.StatsResponse] = []
        self._away: list[str] = []
        self._looks: deque[tuple[float, int, int]] = deque(maxlen=RATE_WINDOW_LOOKS)
        last = head.evaluations.last
        self._evaluated_updates = last.updates if last else -1  # up to which the curves hold the evaluations
        self.finished = False

    async def watch(self, shards: Sequence[tuple[str, "ReplayServiceAsyncStub"]]) -> None:
        """Look, for ever. shards: address and stub of each."""
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.look(shards)

    async def look(self, shards: Sequence[tuple[str, "ReplayServiceAsyncStub"]]) -> None:
        """Gather what has happened, write the curves, and see about the goal."""
        replay, away = [], []
        for address, stub in shards:
            try:
                replay.append(await stub.Stats(replay_pb2.StatsRequest(), timeout=CALL_TIMEOUT_S))
            except grpc.aio.AioRpcError as error:
                away.append(f"replay service at {address} does not answer: {error.details()}")
        self._replay, self._away = replay, away  # at once: who asks meanwhile sees the last look
        self._means = self._meter.take() or self._means
        self._looks.append((time.monotonic(), self._head.environment_steps, self._updates()))
        self._stalls.look(self.waits(), time.monotonic())
        self.write_curves()
        if self._head.evaluations.end_the_run:
            self._finish()

    @property
    def means(self) -> Means | None:
        """Of what the last updates returned; None before the first."""
        return self._means

    @property
    def shards_away(self) -> int:
        """Shards that do not answer."""
        return len(self._away)

    @property
    def policy_version(self) -> int:
        """Of the newest policy; 0 before the first."""
        return self._publisher.version

    def status(self) -> admin_pb2.StatusResponse:
        """The state of the run now."""
        head = self._head
        steps_per_s, updates_per_s = self._rates()
        epsilon_min, epsilon_max = self._epsilons()
        status = admin_pb2.StatusResponse(
            run=self._run,
            training_s=head.training_s(time.monotonic()),
            environment_steps=head.environment_steps,
            episodes=head.episodes,
            updates=self._updates(),
            environment_steps_per_s=steps_per_s,
            updates_per_s=updates_per_s,
            mean_survival=head.mean_survival,
            loss=self._means.loss if self._means else None,
            mean_q=self._means.mean_q if self._means else None,
            epsilon_min=epsilon_min,
            epsilon_max=epsilon_max,
            replay_records=sum(stats.records for stats in self._replay),
            replay_capacity=sum(stats.capacity for stats in self._replay),
            policy_version=self.policy_version,
            actors=len(head.actors),
            waiting=in_words(self.waits()),
            finished=self.finished,
            evaluations=[admin_pb2.EvaluationPoint(**vars(p)) for p in head.evaluations.newest(EVALUATIONS_SHOWN)],
            goal=self._goal_state(),
            mean_return=head.mean_return,
            dropped_episodes=head.dropped_episodes,
            curriculum=self._curriculum_state(),
            curiosity=self._curiosity_state(),
        )
        # Until a learner that was restarted has published, actors seem to be ahead of it.
        if lags := [max(0, status.policy_version - actor.policy_version) for actor in head.actors]:
            status.policy_lag_mean, status.policy_lag_max = sum(lags) / len(lags), max(lags)
        return status

    def _goal_state(self) -> admin_pb2.Goal | None:
        goal, state = self._head.evaluations.goal, self._head.evaluations.goal_state
        if goal is None or state is None:
            return None
        shown = admin_pb2.Goal(
            reached_s=state.reached_s,
            confirmations=state.confirmations,
            confirmations_needed=goal.confirmations,
            lost=state.lost,
        )
        setattr(shown, f"mean_{goal.measure}", goal.value)
        return shown

    def _curriculum_state(self) -> admin_pb2.Curriculum | None:
        lanes = {stage: count for stage, count in enumerate(self._head.lanes_at_stage, start=1) if count}
        if not lanes:
            return None
        return admin_pb2.Curriculum(
            stage_mean=sum(stage * count for stage, count in lanes.items()) / sum(lanes.values()),
            stage_min=min(lanes),
            stage_max=max(lanes),
            advances=self._head.advances,
            retreats=self._head.retreats,
        )

    def _curiosity_state(self) -> admin_pb2.Curiosity | None:
        if self._intrinsic_weight is None or self._means is None:
            return None
        return admin_pb2.Curiosity(novelty=self._means.novelty, intrinsic_weight=self._intrinsic_weight.value)

    def _rates(self) -> tuple[float, float]:
        """Environment steps and updates per second over the last looks."""
        if len(self._looks) < 2:
            return 0.0, 0.0
        (began, steps_then, updates_then), (ended, steps, updates) = self._looks[0], self._looks[-1]
        return (steps - steps_then) / (ended - began), (updates - updates_then) / (ended - began)

    def waits(self) -> list[Wait]:
        """Who waits for what: where something is away, or told to wait, or stands still."""
        waits = [Wait("paused", "the training is paused")] if self._paused() else []
        waits += shards_awaited(self._away, self._replay)
        actors = members_awaited(self._head, time.monotonic())
        if actors or len(self._looks) < RATE_WINDOW_LOOKS:
            return waits + actors
        if still := standing_still(*self._rates()):
            waits += limiters_awaited(self._replay)
            rounds = Wait("round", self._rounds.why_it_waits() if self._rounds else "")
            waits += [wait for wait in (Wait("version", self._cut_waits()), rounds) if wait.text]
            return waits or [Wait("unknown", still)]
        return waits

    def write_curves(self) -> None:
        """One point of each curve, as things stand."""
        status = self.status()
        curves = {
            "episodes": status.episodes,
            "dropped_episodes": status.dropped_episodes,
            "updates": status.updates,
            "environment_steps_per_s": status.environment_steps_per_s,
            "updates_per_s": status.updates_per_s,
            "epsilon/min": status.epsilon_min,
            "epsilon/max": status.epsilon_max,
            "replay/records": status.replay_records,
            "policy/version": status.policy_version,
            "policy/lag_mean": status.policy_lag_mean,
            "policy/lag_max": status.policy_lag_max,
        }
        if status.HasField("mean_survival"):
            curves["survival/training"] = status.mean_survival
        if status.HasField("mean_return"):
            curves["return/training"] = status.mean_return
        if status.goal.HasField("reached_s"):
            curves["goal/reached_s"] = status.goal.reached_s
        if status.HasField("curriculum"):
            names = ("stage_mean", "stage_min", "stage_max", "advances", "retreats")
            curves |= {f"curriculum/{name}": getattr(status.curriculum, name) for name in names}
        if status.HasField("curiosity"):
            curves["curiosity/novelty"] = status.curiosity.novelty
            curves["curiosity/intrinsic_weight"] = status.curiosity.intrinsic_weight
        if self._means is not None:
            curves |= {
                "learner/loss": self._means.loss,
                "learner/mean_q": self._means.mean_q,
                "learner/gradient_norm": self._means.gradient_norm,
            }
        for tag, value in curves.items():
            self._scalars.add_scalar(tag, value, status.environment_steps)
        for point in self._head.evaluations.since(self._evaluated_updates):
            self._scalars.add_scalar("survival/greedy", point.mean_survival, status.environment_steps)
            self._scalars.add_scalar("return/greedy", point.mean_return, status.environment_steps)
            for name, figure in point.habits.items():
                self._scalars.add_scalar(f"habits/{name}", figure, status.environment_steps)
            self._evaluated_updates = point.updates
