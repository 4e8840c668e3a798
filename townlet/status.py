"""The one table between errors and gRPC statuses, used in both directions.

Domain errors map only to codes that gRPC does not raise by itself, so that a code says who spoke; but what is not there
now is UNAVAILABLE, whoever says so.
"""

import grpc

from townlet.errors import (
    CheckpointError,
    FencedError,
    ForbiddenError,
    InvalidRequestError,
    MismatchError,
    RefusedError,
    SequenceError,
    TownletError,
    UnauthenticatedError,
    UnavailableError,
    UnknownMemberError,
)

_CODES: dict[type[TownletError], grpc.StatusCode] = {
    InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    RefusedError: grpc.StatusCode.FAILED_PRECONDITION,  # and arrives as the next one, which is one too
    MismatchError: grpc.StatusCode.FAILED_PRECONDITION,
    FencedError: grpc.StatusCode.ABORTED,
    SequenceError: grpc.StatusCode.OUT_OF_RANGE,
    UnknownMemberError: grpc.StatusCode.NOT_FOUND,
    CheckpointError: grpc.StatusCode.DATA_LOSS,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    ForbiddenError: grpc.StatusCode.PERMISSION_DENIED,
}
_ERRORS = {code: error for error, code in _CODES.items()}
_FULL = "Concurrent RPC limit exceeded"
"""How gRPC says that a server has enough to do; the same code means a message that is too large, for ever."""
_TRANSIENT = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


def to_code(error: TownletError) -> grpc.StatusCode:
    """The status code that carries an error."""
    if isinstance(error, UnavailableError):
        return grpc.StatusCode.UNAVAILABLE
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def from_rpc_error(error: grpc.RpcError, peer: str) -> TownletError:
    """The error that a failed call to `peer` carries.

    Whatever the network or a peer that is going away causes is an UnavailableError: only that is worth a retry.
    """
    code, details = error.code(), error.details() or "no details"
    if code in _ERRORS:
        return _ERRORS[code](details)
    if code in _TRANSIENT or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and _FULL in details):
        return UnavailableError(f"{peer} does not answer: {details}")
    return TownletError(f"{peer} failed with {code.name}: {details}")
