"""Actors that come and go beside those of `townlet up`: told to stop, drained by an operator, or killed."""

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import BinaryIO

from protos import admin_pb2, admin_pb2_grpc
from townlet.errors import TownletError
from townlet.launch.parent import PARENT_VARIABLE
from townlet.rpc import call, open_channel
from townlet.run_folder import RunFolder

JOIN, TERMINATE, DRAIN, KILL = "join", "terminate", "drain", "kill"
WAYS = {TERMINATE: 2, DRAIN: 1, KILL: 1}
"""How an actor goes, and how likely."""
LEAVE_LIMIT_S = 120.0
"""Who was told to go has gone by then, also on a machine that has much to do."""


@dataclass
class Guest:
    """One actor. way: how it was sent away; empty while it may stay. told_s: when."""

    index: int
    process: "subprocess.Popen[bytes]"
    log: BinaryIO
    way: str = ""
    told_s: float = 0.0


class Churn:
    """A few actors, numbered from `first_index` on. At every turn one comes, and the one that came first goes.

    counts: how many came, and went in which way. failures: ends that nobody ordered, in words.
    """

    def __init__(self, folder: RunFolder, learner: str, first_index: int, guests: int, seed: int) -> None:
        self._folder = folder
        self._learner = learner
        self._first_index = first_index
        self._most = guests
        self._random = random.Random(seed)
        self._guests: list[Guest] = []
        self.counts = dict.fromkeys((JOIN, *WAYS), 0)
        self.failures: list[str] = []

    def turn(self) -> None:
        """One goes, if all places are taken; one comes, under the smallest number that is free."""
        self.look()
        staying = [guest for guest in self._guests if not guest.way]
        if len(staying) >= self._most:
            self._dismiss(staying[0])
            self.look()
        taken = {guest.index for guest in self._guests}
        self._welcome(next(index for index in range(self._first_index, 2**31) if index not in taken))

    def look(self) -> None:
        """Notice who has ended, and who should have."""
        for guest in [each for each in self._guests if each.way and time.monotonic() > each.told_s + LEAVE_LIMIT_S]:
            if guest.way != KILL:
                self.failures.append(f"actor-{guest.index} was told to go ({guest.way}), and is there still")
            guest.way = KILL
            guest.process.kill()
            guest.process.wait()
        for guest in [each for each in self._guests if each.process.poll() is not None]:
            self._guests.remove(guest)
            guest.log.close()
            if guest.way != KILL and (not guest.way or guest.process.returncode != 0):
                told = f"was told to go ({guest.way})" if guest.way else "was not told to go"
                self.failures.append(f"actor-{guest.index} {told}, and ended with exit code {guest.process.returncode}")

    def end(self) -> None:
        """Nobody stays."""
        for guest in self._guests:
            guest.process.kill()
            guest.process.wait()
            guest.log.close()
        self._guests.clear()

    def _welcome(self, index: int) -> None:
        command = [sys.executable, "-m", "actor", str(self._folder.config), "--index", str(index)]
        environment = {**os.environ, PARENT_VARIABLE: str(os.getpid())}
        log = (self._folder.logs / f"guest-{index}.log").open("ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self._guests.append(Guest(index, process, log))
        self.counts[JOIN] += 1

    def _dismiss(self, guest: Guest) -> None:
        guest.way, guest.told_s = self._random.choices(list(WAYS), list(WAYS.values()))[0], time.monotonic()
        if guest.way == DRAIN and not self._drained(guest.index):
            guest.way = TERMINATE  # it has not joined yet
        if guest.way == TERMINATE:
            guest.process.terminate()
        elif guest.way == KILL:
            guest.process.kill()
            guest.process.wait()
        self.counts[guest.way] += 1

    def _drained(self, index: int) -> bool:
        """Whether the learner has taken the request. Not if all it knows is one of that name that has left."""
        name, peer = f"actor-{index}", f"learner at {self._learner}"
        with open_channel(self._learner, None) as channel:
            admin = admin_pb2_grpc.AdminServiceStub(channel)
            try:
                members = call(admin.ListMembers, admin_pb2.ListMembersRequest(), peer=peer).members
                if (name, admin_pb2.MEMBER_STATE_PRESENT) not in ((member.name, member.state) for member in members):
                    return False
                call(admin.Drain, admin_pb2.DrainRequest(actor=name), peer=peer)
            except TownletError:
                return False
        return True
