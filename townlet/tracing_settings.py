"""The `tracing` section of a configuration."""

from typing import Annotated

from pydantic import Field

from townlet.settings import Settings


class TracingSettings(Settings):
    """Traces of what goes round the ring, by OpenTelemetry; needs the packages of `townlet[tracing]`.

    endpoint: of a collector that speaks OTLP over gRPC, such as http://127.0.0.1:4317; null traces nothing.
    """

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None
