"""How fast each member steps."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping

from learner.head import Head, Member

LOOKS = 6
PERIOD_S = 1.0


class Paces:
    """Looked at now and then; a member that starts again begins anew."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, dict[str, tuple[str, int]]]] = deque(maxlen=LOOKS)

    async def watch(self, head: Head) -> None:
        """Look, for ever."""
        while True:
            self.look(head.members, time.monotonic())
            await asyncio.sleep(PERIOD_S)

    def look(self, members: Mapping[str, Member], now_s: float) -> None:
        """Note where everybody is."""
        self._looks.append(
            (now_s, {name: (member.incarnation, member.environment_steps) for name, member in members.items()})
        )

    def per_s(self, name: str) -> float:
        """Environment steps a second over the last looks; 0 before the second one."""
        seen = [(at_s, *steps[name]) for at_s, steps in self._looks if name in steps]
        same = [(at_s, steps) for at_s, incarnation, steps in seen if incarnation == seen[-1][1]]
        if len(same) < 2:
            return 0.0
        (began_s, before), (ended_s, after) = same[0], same[-1]
        return (after - before) / (ended_s - began_s)
