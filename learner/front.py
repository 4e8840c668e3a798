"""Where the others meet the learner: a server on an event loop of its own."""

from collections.abc import Sequence

import grpc.aio
import structlog

from townlet.rpc import LoopThread, Server
from townlet.security_settings import TlsSettings
from townlet.tokens import Tokens

log = structlog.get_logger()

SERVICES = ("townlet.v1.PolicyService", "townlet.v1.ControlService", "townlet.v1.AdminService")


class Front:
    """Use as a context manager: it listens from then on, so that everybody sees that the learner lives.

    It has nothing to say, and is not ready, until `LearnerService` opens it: when the run has been taken up.
    """

    def __init__(
        self,
        address: str,
        tls: TlsSettings | None = None,
        tokens: Tokens | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        """See `Server`."""
        self.loop = LoopThread("service")
        self.server: Server
        self._address = address
        self._tls = tls
        self._tokens = tokens
        self._interceptors = interceptors

    def __enter__(self) -> "Front":
        self.loop.__enter__()
        try:
            self.server = self.loop.run(self._listen())
        except BaseException:
            self.loop.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.loop.run(self.server.stop())
        self.loop.__exit__(*exception)

    async def _listen(self) -> Server:
        server = Server(self._tls, self._tokens, self._interceptors)
        await server.start(self._address, SERVICES)
        log.info("listening", port=server.port)
        return server
