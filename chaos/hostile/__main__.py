"""Send every RPC a million hostile messages: `python -m chaos.hostile`.

A shard and a learner, with real servers and a real Redis, start anew for each RPC. Most messages are handed to the
server's handlers on its own event loop, past sockets and HTTP/2, which would be most of the work; some come through a
socket. The exit code is 1 when a service ended, stopped answering, or answered with UNKNOWN or INTERNAL; else 0.
"""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import structlog

from chaos.hostile.campaign import Shot, limit_own_memory, paths_of, shoot
from chaos.hostile.services import SCHEDULES, services
from townlet.run_folder import write_json


class Options(argparse.Namespace):
    """The command line."""

    messages: int
    through_socket: int
    seed: int
    schedule: str
    only: str
    json: Path | None


def main() -> int:
    """One RPC after the other; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos.hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=1_000_000, help="to each RPC (default 1000000)")
    parser.add_argument("--through-socket", type=int, default=5_000, help="of them, through a socket (default 5000)")
    parser.add_argument("--seed", type=int, default=1, help="of the messages (default 1)")
    parser.add_argument("--schedule", choices=tuple(SCHEDULES), default="async", help="of the run (default async)")
    parser.add_argument("--only", default="", help="RPCs whose path contains this")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args(namespace=Options())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    limit_own_memory()
    shots: list[Shot] = []
    for server, path in _all_paths(chosen):
        shots.append(_shot(server, path, chosen))
        if chosen.json is not None:
            write_json(chosen.json, {"shots": [_as_values(shot) for shot in shots]})
    for shot in shots:
        for what, message in [*shot.within.wrong.items(), *shot.through_socket.wrong.items()]:
            print(f"WRONG {shot.path}: {what}\n    message {message[:400]}")
        for failure in shot.failures:
            print(f"FAILURE {shot.path}: {failure}")
    sent = [shot.within.sent + shot.through_socket.sent for shot in shots]
    print(f"{len(shots)} RPCs, {sum(sent)} messages, at least {min(sent, default=0)} to each")
    return int(not all(shot.good for shot in shots))


def _all_paths(chosen: Options) -> list[tuple[str, str]]:
    """Server and path of each RPC."""
    with (
        tempfile.TemporaryDirectory(prefix="hostile-", dir="/tmp") as folder,
        services(Path(folder), chosen.schedule) as served,
    ):
        found = [("shard", path) for path in paths_of(served.shard)]
        found += [("learner", path) for path in paths_of(served.learner)]
    return [(server, path) for server, path in found if chosen.only in path]


def _shot(server: str, path: str, chosen: Options) -> Shot:
    within = chosen.messages - chosen.through_socket
    with (
        tempfile.TemporaryDirectory(prefix="hostile-", dir="/tmp") as folder,
        services(Path(folder), chosen.schedule) as served,
    ):
        target = served.shard if server == "shard" else served.learner
        shot = shoot(served, target, path, chosen.seed, within, chosen.through_socket, _tell)
    shot.failures.extend(failure for failure in served.failures if failure not in shot.failures)
    return shot


def _tell(line: str) -> None:
    print(line, flush=True)


def _as_values(shot: Shot) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(vars(shot), default=vars))
    return values


if __name__ == "__main__":
    sys.exit(main())
