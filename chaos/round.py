"""One round: a run of its own under load, the kills of a plan, and what is left at the end."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from chaos.aftermath import check_aftermath
from chaos.attack import Attack
from chaos.client import RecordingClient
from chaos.connection import Connection, Shard
from chaos.episodes import KnownEpisodes
from chaos.kill import Kill
from chaos.leftovers import leftovers
from chaos.model import Client, ShardModel, Violation
from chaos.plan import ACTORS, SHARDS, Plan
from chaos.target import CONFIG, NAME, SETTINGS, Target
from townlet.config_file import load_config
from townlet.errors import TownletError
from townlet.records import RecordLayout
from townlet.worlds.build import world_spec

CLIENTS_PER_SHARD = 2
FIRST_NUMBER_BITS = 24
"""Client N numbers its episodes from (N + 1) << this."""


@dataclass(frozen=True)
class Played:
    """How a round went. verified: how often a version was, every byte. not_reached: failpoints nobody passed."""

    seed: int
    kills: list[Kill]
    violations: list[Violation]
    not_reached: list[str]
    acknowledged: int
    verified: int
    seconds: float


def play(plan: Plan, folder: Path, limit_s: float, tell: Callable[[str], None]) -> Played:
    """Play a round in `folder`, which is new. limit_s: see Attack. tell: what to say while it lasts."""
    began_s = time.monotonic()
    target, wrong = Target(folder), list[Violation]()
    known = _known_episodes(folder)
    clients = _clients(target, known, plan.seed, wrong.append)
    models = [
        ShardModel([client.did for client in clients[at : at + CLIENTS_PER_SHARD]], known)
        for at in range(0, len(clients), CLIENTS_PER_SHARD)
    ]
    expected = [f"replay-{shard}/{actor}" for shard, model in enumerate(models) for actor in model.clients]
    expected += [f"replay-{actor % SHARDS}/actor-{actor}" for actor in range(ACTORS)]
    attack = Attack(target, models, clients, expected, limit_s)
    target.start()
    try:
        target.wait_for_config(limit_s)
        with ExitStack() as stack:
            for client in clients:
                stack.enter_context(client)
            survived = attack.recover([]) and _carry_out(plan, attack, tell)
        if survived and plan.ends_softly and (code := target.stop()) != 0:
            wrong.append(Violation("stop", f"`townlet up` was told to stop and ended with {code}"))
    finally:
        target.end()
    wrong += attack.violations + leftovers(folder)
    try:
        wrong += check_aftermath(target, models, attack.versions, known)
    except TownletError as error:
        wrong.append(Violation("unreadable", f"what is left cannot be read: {error}"))
    return Played(
        plan.seed,
        attack.kills,
        [replace(violation, seed=plan.seed) for violation in wrong],
        attack.not_reached,
        sum(model.acknowledged for model in models),
        attack.versions.verified,
        time.monotonic() - began_s,
    )


def _known_episodes(folder: Path) -> KnownEpisodes:
    config = load_config(CONFIG, [*SETTINGS, f"run.root={folder}"])
    return KnownEpisodes(RecordLayout.of(world_spec(config), config.memory))


def _clients(
    target: Target, known: KnownEpisodes, seed: int, on_violation: Callable[[Violation], None]
) -> list[RecordingClient]:
    """Those of each shard in turn."""

    def address(shard: int) -> Callable[[], str]:
        return lambda: target.config.replay.addresses[shard]

    made = []
    for index in range(SHARDS * CLIENTS_PER_SHARD):
        actor = f"chaos-{index}"
        shard = Shard(address(index // CLIENTS_PER_SHARD), NAME, known.layout)
        connection = Connection(shard, actor, target.folder.path.parent / f"{actor}.jsonl")
        first = (index + 1) << FIRST_NUMBER_BITS
        made.append(RecordingClient(Client(actor), connection, known, first, f"{seed} {actor}", on_violation))
    return made


def _carry_out(plan: Plan, attack: Attack, tell: Callable[[str], None]) -> bool:
    """Whether the run has recovered from everything."""
    for burst in plan.bursts:
        attack.pass_time(burst.calm_s)
        before = len(attack.kills)
        for strike in burst.strikes:
            attack.pass_time(strike.pause_s)
            attack.strike(strike)
        attack.settle_orders()
        kills = attack.kills[before:]
        recovered = attack.recover(kills)
        names = ", ".join(f"{kill.target} {kill.moment}" for kill in kills) or "nobody"
        after = f"after {max((kill.recovered_s for kill in kills if kill.recovered_s), default=0.0):.1f} s"
        tell(f"seed {plan.seed}, {len(attack.kills)} kills: {names}: {after if recovered else 'not recovered'}")
        if not recovered:
            return False
    return True
