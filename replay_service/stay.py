"""Whether a shard that was told to stop has to stay: a learner that stops as well makes a last version with it."""

import asyncio

from townlet.lifecycle import TOGETHER_S


class Stay:
    """Lives on the server's event loop."""

    def __init__(self) -> None:
        self._wanted: bool | None = None
        """None: the learner works, or there is none."""
        self._changed = asyncio.Condition()

    async def ask(self, wanted: bool) -> None:
        """The learner stops and wants the shard to stay, or lets it go."""
        async with self._changed:
            self._wanted = wanted
            self._changed.notify_all()

    def learner_works(self) -> None:
        """Whoever had let the shard go, there is a learner again."""
        if self._wanted is False:
            self._wanted = None

    async def over(self, grace_s: float) -> None:
        """Waits until the shard may leave: let go, or not asked to stay in time. At most `grace_s`."""
        try:
            async with asyncio.timeout(min(TOGETHER_S, grace_s)), self._changed:
                await self._changed.wait_for(lambda: self._wanted is not None)
            async with asyncio.timeout(grace_s), self._changed:
                await self._changed.wait_for(lambda: self._wanted is False)
        except TimeoutError:
            return
