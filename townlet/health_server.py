"""The health of a process that serves nothing else: an actor, or an evaluator."""

from contextlib import ExitStack

import structlog

from townlet.rpc import LoopThread, Server
from townlet.security_settings import TlsSettings

log = structlog.get_logger()


class HealthServer:
    """Use as a context manager: it lives from then on. It tells that the process is ready once `ready` was called.

    address: null for a process that nobody asks.
    """

    def __init__(self, address: str | None, tls: TlsSettings | None) -> None:
        self._address = address
        self._tls = tls
        self._is_ready = False
        self._open = ExitStack()

    def __enter__(self) -> "HealthServer":
        if self._address is not None:
            with ExitStack() as opening:
                self._loop = opening.enter_context(LoopThread("health"))
                self._server = self._loop.run(self._start(self._address))
                opening.callback(lambda: self._loop.run(self._server.stop()))
                self._open = opening.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def ready(self) -> None:
        """From now on the process serves its purpose. Harmless when it did."""
        if self._address is not None and not self._is_ready:
            self._is_ready = True
            self._loop.run(self._server.set_serving(True))

    async def _start(self, address: str) -> Server:
        server = Server(self._tls)
        await server.start(address, ())
        log.info("health", port=server.port)
        return server
