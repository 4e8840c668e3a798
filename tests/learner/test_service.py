"""Curiosity through the learner's services: it travels to actors, follows the reports, and survives a restart."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from small_versions import make_manifest

from learner.build import build_curiosity, build_loss
from learner.front import Front
from learner.meter import Meter
from learner.resume import Resumed
from learner.service import LearnerService
from learner.servicers import REJOIN_S
from learner.update import QLearning, Update
from protos import admin_pb2, admin_pb2_grpc, control_pb2, control_pb2_grpc, policy_pb2, policy_pb2_grpc
from townlet.checkpoint.manifest import FileRecord, Manifest
from townlet.config_file import load_config
from townlet.errors import FencedError, InvalidRequestError, MismatchError, UnavailableError
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.policy import load_weights
from townlet.rpc import call, open_channel
from townlet.worlds.build import world_spec

CONFIGS = Path(__file__).parents[2] / "configs"
CPU = torch.device("cpu")


def manifest(*members: str) -> Manifest:
    files = tuple(
        FileRecord(path=f"000001/{name}.json", size=0, sha256="0" * 64, component=name)
        for name in ("learner", *members)
    )
    return make_manifest(1, files, members=("learner", *members))


class Curves(dict):
    """The last point of each curve."""

    def add_scalar(self, tag, scalar_value, global_step):
        self[tag] = scalar_value


@contextmanager
def serving(port: int, *overrides: str, resumed=None):
    """A learner's service with a policy published, and a channel to it."""
    config = load_config(CONFIGS / "L3_curious.yaml", [f"learner.address=127.0.0.1:{port}", *overrides])
    spec = world_spec(config)
    learning = QLearning(
        build_network(config.network, spec), config.learner, build_loss(config), build_curiosity(config, spec, CPU)
    )
    meter, curves = Meter(), Curves()
    meter.add(Update(torch.zeros(1), 0.0, 0.0, 0.0, novelty=0.125))
    channel = open_channel(config.learner.address, None)
    with (
        Front(config.learner.address) as front,
        LearnerService(front, config, "layout", learning, meter, curves, resumed, threading.Event()) as service,
    ):
        service.publish(learning)
        yield config, service, learning, channel, curves
        channel.close()


def report(config, channel, lengths: list[int]) -> None:
    """What an actor tells of finished episodes, twice, as after a lost answer."""
    stub = control_pb2_grpc.ControlServiceStub(channel)
    member = {"run": config.run.name, "member": "actor-0", "incarnation": "a"}
    stub.Join(
        control_pb2.JoinRequest(
            **member, role=control_pb2.ROLE_ACTOR, config_digest=config.digest(), layout_digest="layout", lanes=2
        ),
        timeout=10,
        wait_for_ready=True,
    )
    episodes = [control_pb2.EpisodeSummary(number=at, steps=steps) for at, steps in enumerate(lengths)]
    for _ in range(2):
        stub.Report(control_pb2.ReportRequest(**member, episodes=episodes), timeout=10)


def newest(config, channel, weights) -> policy_pb2.Policy:
    request = policy_pb2.SubscribeRequest(run=config.run.name, member="m", weights=weights)
    stream = policy_pb2_grpc.PolicyServiceStub(channel).Subscribe(request, wait_for_ready=True, timeout=10)
    policy = next(iter(stream)).policy
    stream.cancel()
    return policy


def test_the_policy_carries_curiosity_to_actors_and_not_to_the_evaluator(free_port):
    with serving(free_port) as (config, _, learning, channel, _):
        acting = newest(config, channel, policy_pb2.WEIGHTS_ONLINE)
        assert newest(config, channel, policy_pb2.WEIGHTS_AVERAGED).curiosity == b""
        there = RandomDistillation(config.curiosity, world_spec(config))
        load_weights(there, acting.curiosity, "a test")
        for name, value in learning.curiosity.distillation.state_dict().items():
            assert torch.equal(there.state_dict()[name], value), name


def test_each_finished_episode_shrinks_the_weight_once_and_a_restart_goes_on_from_there(free_port):
    with serving(free_port) as (config, service, learning, channel, _):
        report(config, channel, [490] * 120)
        assert learning.curiosity.weight.value == pytest.approx(0.05 * 0.99**21)
        books = service.books()
    with serving(free_port, resumed=Resumed(manifest(), books)) as (config, service, later, channel, _):
        assert later.curiosity.weight.state() == learning.curiosity.weight.state()
        report(config, channel, [490] * 121)  # the same incarnation goes on
        assert later.curiosity.weight.value == pytest.approx(0.05 * 0.99**22)


def test_novelty_and_weight_are_shown_when_there_is_curiosity(free_port):
    with serving(free_port) as (_, service, _, channel, curves):
        service._loop.run(service._scoreboard.look([]))
        status = admin_pb2_grpc.AdminServiceStub(channel).Status(
            admin_pb2.StatusRequest(), timeout=10, wait_for_ready=True
        )
        assert (status.curiosity.novelty, status.curiosity.intrinsic_weight) == (0.125, 0.05)
        assert (curves["curiosity/novelty"], curves["curiosity/intrinsic_weight"]) == (0.125, 0.05)


def test_without_curiosity_nothing_of_it_travels_or_is_shown(free_port):
    with serving(free_port, "curiosity=null") as (config, service, learning, channel, curves):
        assert learning.curiosity is None
        assert newest(config, channel, policy_pb2.WEIGHTS_ONLINE).curiosity == b""
        service._loop.run(service._scoreboard.look([]))
        assert not service._scoreboard.status().HasField("curiosity")
        assert not any("curiosity" in name for name in curves)
        assert "intrinsic_weight" not in service.books()


def joined(config, channel, incarnation: str, member: str = "", **fields) -> control_pb2.JoinResponse:
    request = control_pb2.JoinRequest(
        run=config.run.name,
        member=member,
        incarnation=incarnation,
        role=fields.pop("role", control_pb2.ROLE_ACTOR),
        config_digest=config.digest(),
        layout_digest="layout",
        lanes=2,
        **fields,
    )
    return call(control_pb2_grpc.ControlServiceStub(channel).Join, request, peer="learner")


def test_an_actor_without_a_name_is_given_one_and_keeps_it(free_port):
    with serving(free_port) as (config, service, _, channel, _):
        assert joined(config, channel, "a", member="actor-1").member == "actor-1"
        assert [joined(config, channel, "b").member for _ in range(2)] == ["actor-0", "actor-0"]
        assert joined(config, channel, "c") == control_pb2.JoinResponse(member="actor-2", first_lane=4)
        with pytest.raises(InvalidRequestError, match="only an actor is given a name"):
            joined(config, channel, "d", role=control_pb2.ROLE_EVALUATOR)
        assert joined(config, channel, "a", member="actor-1", again=True).member == "actor-1"
        assert joined(config, channel, "e", member="actor-1").member == "actor-1"
        with pytest.raises(FencedError, match="actor-1: another process has joined under this name"):
            joined(config, channel, "a", member="actor-1", again=True)
        books = service.books()
    with serving(free_port, resumed=Resumed(manifest("actor-1", "actor-2"), books)) as (config, _, _, channel, _):
        with pytest.raises(UnavailableError, match="a place is given away after 5 s"):
            joined(config, channel, "f")
        assert joined(config, channel, "e", member="actor-1", again=True).member == "actor-1"  # it lives on
        time.sleep(REJOIN_S)
        joined_f = joined(config, channel, "f")  # where a saved state waits, although actor-0 is not there either
        assert (joined_f.member, joined_f.take_up_version) == ("actor-2", 1)
        assert (joined(config, channel, "g").member, joined(config, channel, "h").member) == ("actor-0", "actor-3")


def test_in_lockstep_nobody_is_given_a_name(free_port):
    with (
        serving(free_port, "schedule={kind: lockstep, steps_per_round: 10}") as (config, _, _, channel, _),
        pytest.raises(MismatchError, match="since in lockstep each has its own"),
    ):
        joined(config, channel, "a")


def test_before_the_first_round_none_has_ended(free_port):
    """A counter below 0 could not be told in the list of versions."""
    with serving(free_port, "schedule={kind: lockstep, steps_per_round: 40}", "run.name=rounds") as (_, service, *_):
        assert service._books.counters()["round"] == 0
