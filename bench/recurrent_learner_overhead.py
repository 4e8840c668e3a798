"""Claim: a recurrent learner makes at least 0.9 of the updates through the services that it makes on a batch in memory.

See `bench.learner_overhead`, which measures the same of a feed-forward one.
"""

from pathlib import Path

from bench.learner_overhead import measure
from bench.rounds import options

CONFIG = Path("configs/L2_recurrent.yaml")


def main() -> None:
    """Measure and print."""
    measure(CONFIG, options(__doc__))


if __name__ == "__main__":
    main()
