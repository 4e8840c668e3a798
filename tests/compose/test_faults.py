"""Each container in turn is killed, cut off, and frozen: training goes on, and nothing acknowledged is lost."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from containers import ComposeRun, wait_until

from chaos.aftermath import check_rebuilt
from chaos.client import RecordingClient
from chaos.connection import Connection, Shard
from chaos.episodes import KnownEpisodes
from chaos.held import ShardInRedis
from chaos.model import Client, ShardModel, Violation
from townlet.config import Config
from townlet.config_file import load_config
from townlet.launch.status_client import StatusClient
from townlet.records import RecordLayout
from townlet.rpc import open_channel
from townlet.worlds.build import world_spec

pytestmark = [pytest.mark.compose, pytest.mark.timeout(7200)]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHARDS = 2
CLIENTS_PER_SHARD = 2
FIRST_NUMBER_BITS = 24
RECOVERY_LIMIT_S = 600.0
CUT_OFF_S = 60.0
PAUSED_S = 30.0
START_LIMIT_S = 600.0


@dataclass
class Attacked:
    """A run under the load of clients that record what was acknowledged."""

    run: ComposeRun
    config: Config
    known: KnownEpisodes
    clients: list[RecordingClient]
    models: list[ShardModel]
    violations: list[Violation]

    def standing(self) -> tuple[int, ...] | None:
        """Updates, environment steps, and what each client has been acknowledged; None while the learner is away."""
        client = StatusClient(f"127.0.0.1:{self.run.ports['learner']}")
        try:
            status = client.status()
        finally:
            client.close()
        if status is None:
            return None
        return (status.updates, status.environment_steps, *(each.did.acknowledged for each in self.clients))

    def gets_on(self) -> bool:
        """Whether everybody is well, and everything grows within a few seconds."""
        if self.run.unwell():
            return False
        before = self.standing()
        time.sleep(2.0)
        now = self.standing()
        return before is not None and now is not None and all(a > b for a, b in zip(now, before, strict=True))

    def recover(self, what: str) -> float:
        """Wait until it does; how many seconds that took."""
        return wait_until(self.gets_on, f"training goes on by itself after {what}", RECOVERY_LIMIT_S)


@pytest.fixture
def attacked(tmp_path):
    run = ComposeRun("townlet-attacked", HERE / "run.yaml", [HERE / "overlay.yaml"])
    local = tmp_path / "run.yaml"
    local.write_text((HERE / "run.yaml").read_text().replace("/opt/townlet", str(ROOT)))
    config = load_config(local)
    known = KnownEpisodes(RecordLayout.of(world_spec(config), config.memory))
    violations: list[Violation] = []
    clients = []
    for index in range(SHARDS * CLIENTS_PER_SHARD):
        address = f"127.0.0.1:{run.ports[f'replay-{index // CLIENTS_PER_SHARD}']}"
        shard = Shard(lambda address=address: address, config.run.name, known.layout)
        connection = Connection(shard, f"client-{index}", tmp_path / f"client-{index}.jsonl")
        first = (index + 1) << FIRST_NUMBER_BITS
        client = Client(f"client-{index}")
        clients.append(RecordingClient(client, connection, known, first, f"1 {index}", violations.append))
    models = [
        ShardModel([client.did for client in clients[at : at + CLIENTS_PER_SHARD]], known)
        for at in range(0, len(clients), CLIENTS_PER_SHARD)
    ]
    run.compose("up", "--detach", "--build")
    yield Attacked(run, config, known, clients, models, violations)
    run.remove()


def test_whatever_happens_to_a_container_training_goes_on_and_nothing_acknowledged_is_lost(attacked, tell):
    run = attacked.run
    with ExitStack() as stack:
        for client in attacked.clients:
            stack.enter_context(client)
        wait_until(attacked.gets_on, "the run trains", START_LIMIT_S)
        for name in sorted(run.containers()):
            run.kill(name)
            tell(f"{name}: kill -9: goes on after {attacked.recover(f'kill -9 of {name}'):.0f} s")
            with run.cut_off(name):
                time.sleep(CUT_OFF_S)
            tell(f"{name}: {CUT_OFF_S:.0f} s without a network: {attacked.recover(f'a cut of {name}'):.0f} s after it")
            with run.paused(name):
                time.sleep(PAUSED_S)
            tell(f"{name}: frozen for {PAUSED_S:.0f} s: {attacked.recover(f'a pause of {name}'):.0f} s after it")
            assert attacked.violations == []
    for service in ("redis", "replay-0", "replay-1", "learner", "actor", "evaluator"):
        assert [line for line in run.logs(service) if line["event"] == "crashed"] == []
    tell(f"acknowledged: {sum(model.acknowledged for model in attacked.models)} episodes")
    assert check_what_is_left(attacked, tell) == []


def check_what_is_left(attacked: Attacked, tell) -> list[Violation]:
    """Redis read key by key, and the shards, rebuilt from it and alone, sampled until every step was seen."""
    run = attacked.run
    run.compose("stop")
    run.compose("up", "--detach", "--wait", "replay-0", "replay-1", extra=[HERE / "free_sampling.yaml"])
    password = (ROOT / "deploy" / "secrets" / "redis_password.development").read_text().strip()
    found = list(attacked.violations)
    for shard, model in enumerate(attacked.models):
        stored = ShardInRedis(f"redis://:{password}@127.0.0.1:{run.ports['redis']}", attacked.config.run.name, shard)
        held = list(stored.episodes())
        found += stored.check(held) + model.check(held)
        stored.close()
        address = f"127.0.0.1:{run.ports[f'replay-{shard}']}"
        with open_channel(address, None) as channel:
            found += check_rebuilt(channel, attacked.config.run.name, shard, held, attacked.known)
        tell(f"replay-{shard}: {len(held)} episodes held, {model.acknowledged} of the clients' acknowledged")
    return found
