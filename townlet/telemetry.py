"""Logs: one JSON object a line on standard error, with the member and the run in each."""

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger


def configure_logging(member: str, run: str) -> None:
    """Set the log up for this process. member: its name in the run, such as "actor-0"."""

    def name_member(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"event": event.pop("event"), "member": member, "run": run, **event}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            name_member,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
