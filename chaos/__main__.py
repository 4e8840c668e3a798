"""Kill every part of a run under load, at random and at every failpoint, and check every promise: `python -m chaos`.

Rounds of consecutive seeds; each is a run of its own, with clients that record every operation. The exit code is 0 when
no promise was broken, else 1.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chaos.plan import plan_round
from chaos.report import show, write
from chaos.round import Played, play
from townlet.failpoints import NAMES


class Options(argparse.Namespace):
    """The command line."""

    seed: int
    rounds: int
    kills: int
    limit_s: float
    minutes: float
    json: Path | None


def main() -> int:
    """Play the rounds; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first round (default 1)")
    parser.add_argument("--rounds", type=int, default=12, help="default 12")
    parser.add_argument("--kills", type=int, default=24, help="in each round (default 24)")
    parser.add_argument("--limit-s", type=float, default=60.0, help="more than this without progress is a hang")
    parser.add_argument("--minutes", type=float, default=120.0, help="begin no round after so long (default 120)")
    parser.add_argument("--json", type=Path, help="also write the figures, and each kill, to this file")
    chosen = parser.parse_args(namespace=Options())
    rounds: list[Played] = []
    began_s = time.monotonic()
    for seed in range(chosen.seed, chosen.seed + chosen.rounds):
        if time.monotonic() - began_s > 60.0 * chosen.minutes:
            break
        rounds.append(_one(seed, chosen))
        if chosen.json is not None:
            write(rounds, chosen.json)
    show(rounds, chosen.kills)
    return int(any(played.violations for played in rounds))


def _one(seed: int, chosen: Options) -> Played:
    """A round in a folder of its own, which stays when a promise was broken."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    played = play(plan_round(seed, chosen.kills, NAMES), folder, chosen.limit_s, print)
    for violation in played.violations:
        print(f"VIOLATION {violation.kind}: {violation.what}")
    print(f"seed {seed}: {len(played.kills)} kills, {played.acknowledged} episodes, {played.seconds:.0f} s", flush=True)
    if played.violations:
        print(f"seed {seed}: its logs and its clients' operations are in {folder}")
    else:
        shutil.rmtree(folder)
    return played


if __name__ == "__main__":
    sys.exit(main())
