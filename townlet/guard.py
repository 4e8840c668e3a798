"""Lets a call in, or refuses it, by the table of `townlet.roles`."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import structlog

from townlet.errors import ForbiddenError, TownletError, UnauthenticatedError
from townlet.roles import NEEDS, Need
from townlet.tls import CLIENT_URI
from townlet.tokens import Tokens

Context = grpc.aio.ServicerContext[Any, Any]

TOKEN_KEY = "authorization"
"""Of a call's metadata; its value is "Bearer TOKEN"."""

LOG_PERIOD_S = 1.0
"""Refusals are logged once in so long: nobody fills our disk by knocking."""

log = structlog.get_logger()


class Guard:
    """tokens: of those who may use the admin service; None asks nobody for one."""

    def __init__(self, tokens: Tokens | None) -> None:
        self._tokens = tokens
        self._next_log_s = 0.0

    def check(self, rpc: str, context: Context) -> None:
        """rpc: its full name. Raises the TownletError that refuses the call."""
        try:
            self._check(rpc, NEEDS.get(rpc), context)
        except (UnauthenticatedError, ForbiddenError) as error:
            self._note(rpc, context, error)
            raise type(error)(f"{rpc.rpartition('/')[2]}: {error}") from None

    def _check(self, rpc: str, need: Need | None, context: Context) -> None:
        if need is None:
            raise ForbiddenError("expected an rpc that stands in townlet/roles.py, found one that does not")
        if need == "member" and CLIENT_URI.encode() in context.auth_context().get("peer_uri", ()):
            raise ForbiddenError("expected the certificate of a member of the run, found a client's")
        if need in ("viewer", "operator") and self._tokens is not None:
            metadata = dict(context.invocation_metadata() or ())
            name = self._tokens.check(_token(metadata), need, datetime.now(UTC))
            if need == "operator":
                log.info("operator_calls", rpc=rpc, operator=name, peer=context.peer())

    def _note(self, rpc: str, context: Context, error: TownletError) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_log_s:
            self._next_log_s = now_s + LOG_PERIOD_S
            log.warning("call_refused", rpc=rpc, peer=context.peer(), reason=str(error))


def _token(metadata: Mapping[str, Any]) -> str:
    """What a call brings; empty for none."""
    scheme, _, token = str(metadata.get(TOKEN_KEY, "")).partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
