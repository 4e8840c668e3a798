"""Errors cross the wire as what they are."""

import grpc
import pytest

from townlet.errors import (
    CheckpointError,
    ConfigError,
    ForbiddenError,
    ForeignVersionError,
    MismatchError,
    TownletError,
    UnauthenticatedError,
    UnavailableError,
)
from townlet.status import to_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MismatchError, grpc.StatusCode.FAILED_PRECONDITION),
        (ForeignVersionError, grpc.StatusCode.FAILED_PRECONDITION),
        (CheckpointError, grpc.StatusCode.DATA_LOSS),
        (UnavailableError, grpc.StatusCode.UNAVAILABLE),
        (UnauthenticatedError, grpc.StatusCode.UNAUTHENTICATED),
        (ForbiddenError, grpc.StatusCode.PERMISSION_DENIED),
        (ConfigError, grpc.StatusCode.INTERNAL),
        (TownletError, grpc.StatusCode.INTERNAL),
    ],
)
def test_an_error_has_the_code_of_its_kind(error, code):
    assert to_code(error("a test")) is code
