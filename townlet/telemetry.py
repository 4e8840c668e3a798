"""Logs: one JSON object a line on standard error, with member, run and version in each.

version: the one that the line is about; else the newest complete one that the process knows, 0 for none.
"""

import logging
import sys
from dataclasses import dataclass

import structlog
from structlog.typing import EventDict, WrappedLogger

_ABOUT = {"member": "", "run": ""}
"""What stands in each line."""


@dataclass
class _Standing:
    version: int = 0


_standing = _Standing()  # of the process, as the log is


def stand_on(version: int) -> None:
    """The run stands on this version now, as far as this process knows: its log says so."""
    _standing.version = version


def version() -> int:
    """The newest complete version that this process knows; 0 for none."""
    return _standing.version


def configure_logging(member: str, run: str) -> None:
    """Set the log up for this process. member: its name in the run, such as "actor-0"."""
    _ABOUT.update(member=member, run=run)

    def name_member(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {"event": event.pop("event"), **_ABOUT, "version": _standing.version, **event}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            name_member,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # a line is one write: ranks share a log
        cache_logger_on_first_use=True,
    )


def rename_member(member: str) -> None:
    """From now on the process has this name in the run."""
    _ABOUT["member"] = member
