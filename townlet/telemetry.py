"""Logs: one JSON object a line on standard error, with the service and the run in each."""

import logging
import sys

import structlog


def configure_logging(member: str, run: str) -> None:
    """Set the log up for this process. member: its name in the run, such as "actor-0"."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(member=member, run=run)
