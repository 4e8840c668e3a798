"""Named places where a test can make a process die, fail or dawdle.

The environment variable TOWNLET_FAILPOINTS holds `NAME=ACTION` or `NAME=ACTION@3` (the third time it is passed only),
several of them with commas between:

    kill         the process kills itself (SIGKILL), as if its machine had died
    exit         the process ends at once with status 70, without cleaning up
    error        UnavailableError is raised
    sleep:0.5    half a second passes

A run that is under way is hit through a folder, which the variable TOWNLET_FAILPOINT_ORDERS names: a file NAME in it,
which holds an action, is an order to one process, once. The first that passes there renames the file to NAME.PID, and
obeys.

Without the variables a failpoint costs one look at an empty dictionary.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from townlet.errors import ConfigError, UnavailableError

VARIABLE = "TOWNLET_FAILPOINTS"
ORDERS_VARIABLE = "TOWNLET_FAILPOINT_ORDERS"

NAMES = (
    # every file of a version but its manifest, segments included
    "checkpoint.file.before_write",
    "checkpoint.file.before_rename",
    "checkpoint.file.after_rename",
    # inside each write on a local filesystem, whatever is written
    "checkpoint.write.before_content",
    "checkpoint.write.before_fsync",
    "checkpoint.write.before_folder_fsync",
    # the commit: before the rename there is no version, after it there is
    "checkpoint.manifest.before_write",
    "checkpoint.manifest.before_rename",
    "checkpoint.manifest.after_rename",
    # what takes versions and files away
    "checkpoint.abort.before_files",
    "checkpoint.delete.before_manifest",
    "checkpoint.delete.before_files",
    "checkpoint.delete.after_files",
    "checkpoint.collect.before_segment",
    "checkpoint.sweep.before_folder",
    # an append: a shard is asked, Redis has it, and the actor knows
    "replay.append.before_write",
    "replay.append.before_answer",
    "actor.append.after_answer",
    # a shard's part: while it is written, and while it is taken up in Redis
    "replay.cut.before_answer",
    "replay.version.before_segment",
    "replay.version.before_state",
    "replay.take_up.after_mark",
    "replay.take_up.before_done",
    "replay.take_up.before_answer",
    # making a version: everybody holds, the shards cut, everybody writes, the manifest
    "version.after_holds",
    "version.before_cut",
    "version.before_commit",
    "version.after_commit",
    "actor.hold.after_flush",
    "actor.version.before_state",
    # the rest
    "checkpoint.pin.before_rename",
    "checkpoint.branch.before_manifest",
    # the run is taken back to a version: the commit of the copy decides
    "restore.before_commit",
    "restore.after_commit",
)
"""All there are: a campaign walks this list."""


@dataclass
class _Armed:
    """at: which passing counts, 0: each. argument: seconds to sleep."""

    action: str
    argument: float
    at: int
    passed: int = 0


_armed: dict[str, _Armed] = {}
_orders = os.environ.get(ORDERS_VARIABLE)
_counting = threading.Lock()


def failpoint(name: str) -> None:
    """Do nothing, unless `name` is armed."""
    if _armed and name in _armed:
        _pass(name, _armed[name])
    if _orders is not None and (action := _claimed(Path(_orders) / name)) is not None:
        _obey(name, _parse_one(f"{name}={action}")[1])


@contextmanager
def armed(orders: str) -> Iterator[None]:
    """Arm failpoints for a while, in this process. orders: as in the environment variable."""
    before = dict(_armed)
    _armed.update(_parse(orders))
    try:
        yield
    finally:
        _armed.clear()
        _armed.update(before)


def _pass(name: str, order: _Armed) -> None:
    with _counting:
        order.passed += 1
        if order.at not in (0, order.passed):
            return
    _obey(name, order)


def _claimed(order: Path) -> str | None:
    """What the order says; None when there is none, or when another process was faster."""
    try:
        action = order.read_text()
        order.rename(f"{order}.{os.getpid()}")
    except FileNotFoundError:
        return None
    return action


def _obey(name: str, order: _Armed) -> None:
    match order.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(70)
        case "error":
            raise UnavailableError(f"failpoint {name}")
        case "sleep":
            time.sleep(order.argument)


def _parse(orders: str) -> dict[str, _Armed]:
    return dict(_parse_one(order.strip()) for order in orders.split(",") if order.strip())


def _parse_one(order: str) -> tuple[str, _Armed]:
    name, _, rest = order.partition("=")
    words, _, at = rest.partition("@")
    action, _, argument = words.partition(":")
    if name not in NAMES:
        raise ConfigError(f"{VARIABLE}: expected the name of a failpoint, found {name!r}")
    try:
        sleeps = action == "sleep"
        if not sleeps and (action not in ("kill", "exit", "error") or argument):
            raise ValueError
        return name, _Armed(action, float(argument) if sleeps else 0.0, int(at or 0))
    except ValueError:
        raise ConfigError(
            f"{VARIABLE}: {name}: expected kill, exit, error or sleep:SECONDS, and @COUNT or nothing, found {rest!r}"
        ) from None


_armed.update(_parse(os.environ.get(VARIABLE, "")))
