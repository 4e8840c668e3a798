"""A worker process: steps some lanes of a world whose arrays it shares with its parent. Imports no torch.

    python -m townlet.worlds.gymnasium.worker SOCKET MEMORY

SOCKET and MEMORY are inherited file descriptors. The parent sends an order as one line of JSON, then commands of one
byte; each command is answered with one line of JSON: a list of [lane, reason] of the environments that were replaced,
or an object that names an error. The worker ends when the parent's end of the socket closes.
"""

import json
import mmap
import signal
import socket
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from townlet.errors import TownletError
from townlet.launch.parent import die_with_parent
from townlet.specs import EnvironmentSpec, FieldSpec
from townlet.worlds.gymnasium.arrays import LaneArrays
from townlet.worlds.gymnasium.lane import Hung
from townlet.worlds.gymnasium.lanes import Lanes
from townlet.worlds.gymnasium.settings import GymnasiumSettings

RESET, STEP = b"r", b"s"


@dataclass(frozen=True)
class Order:
    """What a worker works on: rows [begin, end) of a world's `lanes`."""

    settings: GymnasiumSettings
    spec: EnvironmentSpec
    lanes: int
    begin: int
    end: int
    seed: int
    first_lane: int

    def to_json(self) -> str:
        """One line."""
        blocks = [asdict(block) for block in self.spec.observation]
        values = {name: getattr(self, name) for name in ("lanes", "begin", "end", "seed", "first_lane")}
        settings = self.settings.model_dump(mode="json")
        return json.dumps(values | {"settings": settings, "blocks": blocks, "actions": self.spec.actions})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Order":
        """What `to_json` wrote. The spec's step_cap, which no worker needs, is not part of it."""
        values: dict[str, Any] = json.loads(text)
        blocks = tuple(FieldSpec(b["name"], b["dtype"], tuple(b["shape"])) for b in values.pop("blocks"))
        settings = GymnasiumSettings.model_validate_json(json.dumps(values.pop("settings")))
        return cls(settings, EnvironmentSpec(blocks, values.pop("actions"), step_cap=0), **values)

    def arrays(self, memory: mmap.mmap) -> LaneArrays:
        """The shared arrays."""
        return LaneArrays(self.spec.observation, self.spec.actions, self.lanes, memory)


class Alarm:
    """Raises Hung out of whatever takes longer than `seconds`: sleeps, waits for the system and Python code.

    It cannot reach into foreign machine code that never returns; the parent ends the whole process then.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        signal.signal(signal.SIGALRM, self._ring)

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _ring(self, *_: object) -> None:
        raise Hung(f"no answer within {self._seconds:g} s")


def main() -> None:
    """Serve the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the parent decides
    die_with_parent()
    parent, memory_descriptor = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    with parent, parent.makefile("rb", buffering=0) as commands:
        order = Order.from_json(commands.readline())
        lanes = _lanes(order, mmap.mmap(memory_descriptor, 0))
        while command := commands.read(1):
            parent.sendall(json.dumps(_obey(lanes, command)).encode() + b"\n")
        lanes.close()


def _lanes(order: Order, memory: mmap.mmap) -> Lanes:
    timeout_s = order.settings.step_timeout_s
    alarm = None if timeout_s is None else Alarm(timeout_s)
    limit = nullcontext if alarm is None else lambda: alarm
    rows = range(order.begin, order.end)
    return Lanes(order.settings, order.arrays(memory), rows, order.seed, order.first_lane, limit)


def _obey(lanes: Lanes, command: bytes) -> object:
    try:
        failures = lanes.reset() if command == RESET else lanes.step()
    except TownletError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return [[failure.lane, failure.reason] for failure in failures]


if __name__ == "__main__":
    main()
