"""`python -m actor CONFIG --index N`, or the evaluator with `--evaluate`."""

import sys
import threading

from townlet.config import Config
from townlet.lifecycle import ServiceArguments, arguments_parser, run_service


def main(config: Config, arguments: ServiceArguments, stop: threading.Event) -> None:
    """Act, or evaluate, until `stop`."""
    from actor import compose  # only now, when arguments and configuration are good: torch takes seconds to import

    if arguments.evaluate:
        compose.run_evaluator(config, stop)
    else:
        compose.run_actor(config, arguments.index, stop)


def member_name(arguments: ServiceArguments) -> str:
    """The process's name in the run."""
    return "evaluator" if arguments.evaluate else f"actor-{arguments.index}"


if __name__ == "__main__":
    parser = arguments_parser("actor", "Steps a vectorized world and pushes whole episodes to the replay service.")
    parser.add_argument("--index", type=int, default=0, help="which actor, from 0")
    parser.add_argument("--evaluate", action="store_true", help="play greedy episodes of the averaged network instead")
    sys.exit(run_service(parser, member_name, main))
