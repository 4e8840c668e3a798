"""`python -m learner CONFIG`, or `torchrun ... -m learner CONFIG`."""

import os
import sys
import threading

from learner.rank_processes import other_ranks
from townlet.config import Config
from townlet.lifecycle import ServiceArguments, arguments_parser, run_service


def main(config: Config, arguments: ServiceArguments, stop: threading.Event) -> None:
    """Learn until `stop`, the goal, or the last update."""
    with other_ranks(config) as others:
        from learner import compose  # only now, when all is known to be good: torch takes seconds to import

        compose.run_learner(config, stop, others, fallback=arguments.fallback)


def name(_: ServiceArguments) -> str:
    """Of this process in the run."""
    rank = os.environ.get("RANK", "0")
    return "learner" if rank == "0" else f"learner-rank-{rank}"


if __name__ == "__main__":
    parser = arguments_parser("learner", "Trains the networks, broadcasts policies, and is the head of the run.")
    parser.add_argument(
        "--fallback", action="store_true", help="pass over damaged versions, down to the newest one that is whole"
    )
    sys.exit(run_service(parser, name, main))
