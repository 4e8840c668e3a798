"""The newest policy, for whoever subscribes: newest wins, and nobody's slowness holds anybody up."""

import asyncio
from dataclasses import dataclass

from protos import policy_pb2


@dataclass(frozen=True)
class Published:
    """One policy as it is sent: with the trained network's weights, and with the averaged ones."""

    version: int
    online: policy_pb2.SubscribeResponse
    averaged: policy_pb2.SubscribeResponse


class Publisher:
    """Lives on the servers' event loop. One serialisation a policy, whatever the number of subscribers."""

    def __init__(self) -> None:
        self.newest: Published | None = None
        self._changed = asyncio.Event()

    def publish(self, policy: Published) -> None:
        """From now on this is the newest policy."""
        self.newest = policy
        self._changed.set()
        self._changed = asyncio.Event()

    async def newer_than(self, version: int) -> Published:
        """The newest policy, as soon as there is one newer than `version`."""
        while self.newest is None or self.newest.version <= version:
            await self._changed.wait()
        return self.newest
