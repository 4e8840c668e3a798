"""Carries a plan's kills out against a run under load, and sees whether it recovers."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from chaos.client import RecordingClient
from chaos.held import held_by_version
from chaos.kill import Kill, send_operator
from chaos.model import ShardModel, Violation
from chaos.orders import Claimed, Orders
from chaos.plan import (
    BY_AN_OPERATOR,
    EVERYTHING,
    FAILPOINT,
    MEMBERS,
    ON_THE_WAY,
    REDIS,
    REDIS_DATA,
    REDIS_FILES,
    UP,
    Strike,
)
from chaos.progress import await_recovery
from chaos.target import Target
from chaos.version_watch import VersionWatch
from townlet.checkpoint.store import VersionStore

TICK_S = 0.1
LAST_ANSWERS_S = 1.0
"""By then everybody has heard of what was acknowledged before Redis died."""
WITHOUT_FILES_S = 3.0
"""Time enough for those who would acknowledge what they must not."""


class Attack:
    """One run, its clients and their models, and what has happened to them.

    expected: producers that have to get on. limit_s: after the last of some kills, until everybody gets on.
    """

    def __init__(
        self,
        target: Target,
        models: list[ShardModel],
        clients: list[RecordingClient],
        expected: list[str],
        limit_s: float,
    ) -> None:
        self.kills: list[Kill] = []
        self.violations: list[Violation] = []
        self.not_reached: list[str] = []
        self.versions = VersionWatch(target.store)
        self._target = target
        self._models = models
        self._clients = clients
        self._expected = expected
        self._limit_s = limit_s
        self._orders = Orders(target.orders)
        self._members: dict[int, str] = {}
        self._began_s = time.monotonic()

    def pass_time(self, seconds: float) -> None:
        """Let everybody work, and look."""
        until_s = time.monotonic() + seconds
        while (left := until_s - time.monotonic()) > 0.0:
            self._look()
            time.sleep(min(TICK_S, left))

    def strike(self, strike: Strike) -> None:
        """Kill, or have somebody kill himself."""
        if strike.failpoint.startswith(BY_AN_OPERATOR):
            self._send_operator(strike.failpoint)
        elif strike.target == FAILPOINT:
            if strike.failpoint in ON_THE_WAY:
                self._orders.give(*ON_THE_WAY[strike.failpoint])
            self._orders.give(strike.failpoint)
        elif strike.target == REDIS_DATA:
            self._lose_data(strike)
        elif strike.target == REDIS_FILES:
            self._lose_files(strike)
        elif strike.target == EVERYTHING:
            self._note(EVERYTHING, strike.moment, self._target.kill_everything())
            self._target.start()
        elif strike.target == UP:
            self._target.kill_up()
            self._note(UP, strike.moment)
            self._target.start()
        else:
            self._kill_member(strike)
        self.violations += self.versions.check()

    def settle_orders(self) -> None:
        """Wait until everybody who shall die at a failpoint has."""
        while self._orders.open:
            self.pass_time(TICK_S)

    def recover(self, kills: list[Kill]) -> bool:
        """Wait until everybody gets on; whether they do. kills: those to recover from."""
        stalled = await_recovery(self._target, self._expected, self._limit_s, self.pass_time)
        if stalled is not None:
            self.violations.append(stalled)
            return False
        for kill in kills:
            kill.recovered_s = self._now_s() - kill.at_s
        self.violations += self.versions.check()
        return True

    @contextmanager
    def clients_standing_still(self) -> Iterator[None]:
        """Between two operations of each of them."""
        with ExitStack() as stack:
            for client in self._clients:
                stack.enter_context(client.working)
            yield

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s

    def _kill_member(self, strike: Strike) -> None:
        """The one that is meant, or another one while that is dead already."""
        at = MEMBERS.index(strike.target)
        for member in MEMBERS[at:] + MEMBERS[:at]:
            if self._target.kill(member) is not None:
                self._note(member, strike.moment)
                return

    def _send_operator(self, failpoint: str) -> None:
        copy = self._target.orders.parent / f"copy-{len(self.kills)}"
        self._orders.give(failpoint)
        self._members[send_operator(self._target.orders, self._target.folder.versions, copy)] = "operator"
        self.violations += VersionWatch(VersionStore(copy)).check()

    def _lose_data(self, strike: Strike) -> None:
        """Everything dies, and Redis's files with it: the shards take the newest version up."""
        self._note(REDIS_DATA, "at random", self._target.kill_everything())
        with self.clients_standing_still():
            self.violations += self.versions.check()
            if (version := self._target.store.newest()) is None:
                self._target.start()
                return
            for shard, model in enumerate(self._models):
                held = held_by_version(self._target.store, version, shard)
                self.violations += model.check(held, self.versions.floor(version, shard))
                model.fall_back(held)
            for client in self._clients:
                client.begin_anew()
            shutil.rmtree(self._target.folder.redis)
            if strike.failpoint:
                self._orders.give(strike.failpoint)
            self._target.start()
            self._wait(lambda: self._target.status() is not None)

    def _lose_files(self, strike: Strike) -> None:
        """Nothing is acknowledged until a version has been taken up, which only a learner that starts asks for."""
        steady = self._target.status() is not None and not self._orders.open
        if not steady or self._target.store.newest() is None or self._target.kill(REDIS) is None:
            self._kill_member(replace(strike, target=REDIS))
            return
        shutil.rmtree(self._target.folder.redis / "appendonlydir")
        self._note(REDIS_FILES, strike.moment)
        before = self._target.members()
        self.pass_time(LAST_ANSWERS_S)
        acknowledged = sum(model.acknowledged for model in self._models)
        self._wait(lambda: _others(before, self._target.members()) and self._target.shards_answer())
        self.pass_time(WITHOUT_FILES_S)
        if more := sum(model.acknowledged for model in self._models) - acknowledged:
            self.violations.append(Violation("lost", f"{more} episodes acknowledged by shards that had lost theirs"))
        self._lose_data(strike)

    def _wait(self, happened: Callable[[], bool]) -> None:
        """No longer than until the run would count as one that hangs."""
        until_s = time.monotonic() + self._limit_s
        while not happened() and not self._target.ended() and time.monotonic() < until_s:
            self.pass_time(TICK_S)

    def _look(self) -> None:
        self._members |= {pid: member for member, pid in self._target.members().items()}
        self.versions.note(
            {
                (shard, client.actor, number): epoch.acknowledged
                for shard, model in enumerate(self._models)
                for client in model.clients.values()
                for number, epoch in list(client.epochs.items())
            }
        )
        claimed, withdrawn = self._orders.settle()
        for order in claimed:
            self._note_claimed(order)
        self.not_reached += withdrawn

    def _note_claimed(self, order: Claimed) -> None:
        if order.action == "kill":
            self._note(self._members.get(order.pid, "a member"), order.failpoint)

    def _note(self, target: str, moment: str, processes: int = 1) -> None:
        self.kills.append(Kill(target, moment, processes, self._now_s()))


def _others(before: dict[str, int], now: dict[str, int]) -> bool:
    """Whether every shard is another process than it was."""
    shards = [name for name in before if name.startswith("replay-")]
    return all(now.get(name, before[name]) != before[name] for name in shards)
