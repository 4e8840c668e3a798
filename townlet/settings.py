"""The model that every section of a configuration is, and the kinds of values that several of them have."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen, typed and validated once. Unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
"""An integer of at least one."""

ANY_PORT = 0
"""A port of 0 stands for one that `townlet up` chooses."""

Address = Annotated[str, Field(pattern=r"^[^:\s]+:\d{1,5}$", description="host:port")]
Device = Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")]


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a `host:port`. A name other than localhost may be anybody's."""
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


def require(condition: bool, message: str) -> None:
    """Raises ValueError with the message unless the condition holds: for validators."""
    if not condition:
        raise ValueError(message)
