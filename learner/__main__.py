"""`python -m learner CONFIG`."""

import sys
import threading

from townlet.config import Config
from townlet.lifecycle import ServiceArguments, arguments_parser, run_service


def main(config: Config, _: ServiceArguments, stop: threading.Event) -> None:
    """Learn until `stop`, the goal, or the last update."""
    from learner import compose  # only now, when arguments and configuration are good: torch takes seconds to import

    compose.run_learner(config, stop)


if __name__ == "__main__":
    parser = arguments_parser("learner", "Trains the networks, broadcasts policies, and is the head of the run.")
    sys.exit(run_service(parser, lambda _: "learner", main))
