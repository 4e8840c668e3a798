"""Run for hours at full rate while actors come and go, and see whether anything grows: `python -m chaos.soak`.

The exit code is 1 when the resident memory of a service grows, distinguishably from zero, when files or threads stay
open, or when anything died or stood still; else 0.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.soak.watch import Soak, Times

SETTLE_PART = 0.1
"""Of the whole time: allocators need a while until they have seen everything once."""


class Options(argparse.Namespace):
    """The command line."""

    minutes: float
    seed: int
    look_s: float
    turn_s: float
    json: Path


def main() -> int:
    """Soak, and say what grew; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120.0, help="how long (default 120)")
    parser.add_argument("--seed", type=int, default=1, help="of who goes in which way (default 1)")
    parser.add_argument("--look-s", type=float, default=5.0, help="between two looks (default 5)")
    parser.add_argument("--turn-s", type=float, default=20.0, help="between two comings and goings (default 20)")
    parser.add_argument("--json", type=Path, default=Path("soak.json"), help="the account (default soak.json)")
    chosen = parser.parse_args(namespace=Options())
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir="/tmp"))
    whole_s = 60.0 * chosen.minutes
    times = Times(whole_s, SETTLE_PART * whole_s, chosen.look_s, chosen.turn_s)
    soak = Soak(folder, times, chosen.seed, chosen.json, lambda line: print(line, flush=True))
    soak.run()
    found, failures = soak.account.findings, list(soak.account.failures)
    if not found:
        failures.append("too short: the replay has to be full, and then there must be a few looks")
    for line in (*(finding.words for finding in found), *(f"FAILURE {failure}" for failure in failures)):
        print(line)
    if failures:
        print(f"logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return int(bool(failures) or any(finding.grows for finding in found))


if __name__ == "__main__":
    sys.exit(main())
