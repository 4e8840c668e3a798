"""`python -m actor CONFIG`, with `--index N` for a certain one, or the evaluator with `--evaluate`."""

import sys
import threading

from townlet.config import Config
from townlet.lifecycle import ServiceArguments, add_index, arguments_parser, run_service
from townlet.ordinal import actor_name


def main(config: Config, arguments: ServiceArguments, stop: threading.Event) -> None:
    """Act, or evaluate, until `stop`."""
    from actor import compose  # only now, when arguments and configuration are good: torch takes seconds to import

    if arguments.evaluate:
        compose.run_evaluator(config, stop)
    else:
        compose.run_actor(config, arguments.index, stop)


def member_name(arguments: ServiceArguments) -> str:
    """The process's name in the run; an actor that is not told which one it is has none until it has joined."""
    if arguments.evaluate:
        return "evaluator"
    return "actor" if arguments.index is None else actor_name(arguments.index)


if __name__ == "__main__":
    parser = arguments_parser("actor", "Steps a vectorized world and pushes whole episodes to the replay service.")
    add_index(parser, "which actor (without it, but in lockstep: whichever is missing)", default=None)
    parser.add_argument("--evaluate", action="store_true", help="play greedy episodes of the averaged network instead")
    sys.exit(run_service(parser, member_name, main))
