"""One soak: a whole run at full rate, guests that come and go, and a look at every service every few seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.soak.churn import Churn
from chaos.soak.gauges import gauges_of
from chaos.soak.report import Finding, Track, as_values, findings
from chaos.target import Target
from townlet.errors import UnavailableError
from townlet.run_folder import write_json

CONFIG = Path(__file__).parents[2] / "configs" / "L1_full.yaml"
SETTINGS = (
    *("evaluation.goal=null", "evaluation.episodes=20", "evaluation.keep=20", "learner.max_updates=null"),
    *("actor.count=1", "actor.lanes=32", "replay.addresses=['127.0.0.1:0', '127.0.0.1:0']"),
    *("replay.capacity=40000", "replay.samples_per_insert=1", "checkpoint.period_s=30", "checkpoint.keep={last: 2}"),
    "learner.learning_rate=1e-9",
)
"""A run that fills all that it holds within a few minutes, and makes a version every half a minute.

Its agent learns nothing: the better it became, the longer its episodes would be, and the more memory each would take.
"""

GUESTS = 2
TICK_S = 0.2
FULL = 0.95
"""Of its capacity: a replay that holds so much drops old episodes for new ones."""
START_LIMIT_S = 900.0
STALL_LIMIT_S = 120.0


@dataclass(frozen=True)
class Times:
    """settle_s: from the end of the warm-up to the first look that counts."""

    whole_s: float
    settle_s: float
    look_period_s: float
    turn_period_s: float


@dataclass
class Account:
    """What is known so far. samples: every look. failures: whatever must not happen."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    tracks: dict[str, Track] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    churn: dict[str, int] = field(default_factory=dict)
    warm_s: float | None = None

    @property
    def findings(self) -> list[Finding]:
        """Of the services that were looked at often enough."""
        return findings(self.tracks)

    @property
    def values(self) -> dict[str, Any]:
        """Plain values, for a file."""
        found = as_values(self.findings)
        return {
            "warm_s": self.warm_s,
            "churn": self.churn,
            "failures": self.failures,
            "findings": found,
            "samples": self.samples,
        }


class Soak:
    """A soak of one run in `folder`. tell: what to say while it lasts. file: for the account, every minute."""

    def __init__(self, folder: Path, times: Times, seed: int, file: Path, tell: Callable[[str], None]) -> None:
        self.account = Account()
        self._target = Target(folder, CONFIG, SETTINGS)
        self._times = times
        self._seed = seed
        self._file = file
        self._tell = tell
        self._began_s = time.monotonic()
        self._pids: dict[str, int] = {}
        self._updated_s = self._began_s

    def run(self) -> None:
        """From the first start to the orderly end; `account` says how it went."""
        self._target.start()
        churn: Churn | None = None
        try:
            self._target.wait_for_config(START_LIMIT_S)
            address = self._target.config.learner.address
            churn = Churn(self._target.folder, address, first_index=1, guests=GUESTS, seed=self._seed)
            self._watch(churn)
            churn.end()
            if (code := self._target.stop()) != 0:
                self.account.failures.append(f"`townlet up` was told to stop and ended with {code}")
        finally:
            if churn is not None:
                churn.end()
            self._target.end()
            write_json(self._file, self.account.values)

    def _watch(self, churn: Churn) -> None:
        look_s = turn_s = tell_s = self._began_s
        while (now_s := time.monotonic()) < self._began_s + self._times.whole_s and not self._target.ended():
            if now_s >= look_s:
                look_s += self._times.look_period_s
                self._look(now_s)
                churn.look()
            if now_s >= turn_s and self._updates() > 0:
                turn_s = now_s + self._times.turn_period_s
                churn.turn()
            if now_s >= tell_s:
                tell_s += 60.0
                self.account.churn = churn.counts
                self._tell(self._line())
                write_json(self._file, self.account.values)
            time.sleep(TICK_S)
        self.account.churn = churn.counts
        self.account.failures += churn.failures
        if words := self._target.ended():
            self.account.failures.append(f"`townlet up` ended: {words}")

    def _look(self, now_s: float) -> None:
        at_s = now_s - self._began_s
        sample: dict[str, Any] = {"at_s": round(at_s, 1), **self._progress(now_s)}
        pids = {"up": self._target.pid, **self._target.members()}
        for name in [name for name, pid in self._pids.items() if pids.get(name, pid) != pid]:
            self.account.failures.append(f"{name} died {at_s:.0f} s after the start")
        self._pids |= pids
        looks = {name: gauges for name, pid in pids.items() if (gauges := gauges_of(pid)) is not None}
        sample["services"] = {
            name: [each.resident_bytes, each.open_files, each.threads] for name, each in looks.items()
        }
        self.account.samples.append(sample)
        if self.account.warm_s is None and self._is_warm(sample):
            self.account.warm_s = at_s
        if self.account.warm_s is not None and at_s >= self.account.warm_s + self._times.settle_s:
            for name, gauges in looks.items():
                self.account.tracks.setdefault(name, Track()).add(at_s, gauges)

    def _progress(self, now_s: float) -> dict[str, int]:
        """What the learner and the shards say; nothing while one of them does not answer."""
        before = self._updates()
        status = self._target.status()
        try:
            shards = self._target.shards()
        except UnavailableError:
            shards = []
        if status is None or not shards:
            progress = {}
        else:
            progress = {
                "updates": status.updates,
                "environment_steps": status.environment_steps,
                "acknowledged": sum(shard.appended_episodes for shard in shards),
                "records": status.replay_records,
                "capacity": status.replay_capacity,
                "version": status.newest_version,
                "actors": status.actors,
            }
        if progress.get("updates", 0) > before:
            self._updated_s = now_s
        elif before and now_s - self._updated_s > STALL_LIMIT_S:
            self.account.failures.append(
                f"no update for {STALL_LIMIT_S:g} s: {status.waiting if status else 'silence'}"
            )
            self._updated_s = now_s
        return progress

    def _is_warm(self, sample: dict[str, Any]) -> bool:
        """Whether the replay is full, and a version has been made."""
        return bool(sample.get("version")) and sample["records"] >= FULL * sample["capacity"]

    def _updates(self) -> int:
        return next((sample["updates"] for sample in reversed(self.account.samples) if "updates" in sample), 0)

    def _line(self) -> str:
        known = [sample for sample in self.account.samples if "updates" in sample]
        if not known:
            return "nobody answers yet"
        last = known[-1]
        memory = ", ".join(f"{name} {looks[0] / 2**20:.0f}" for name, looks in sorted(last["services"].items()))
        return (
            f"{last['at_s']:.0f} s: {last['updates']} updates, {last['acknowledged']} episodes acknowledged, version "
            f"{last['version']}, {sum(self.account.churn.values())} comings and goings; MiB: {memory}"
        )
