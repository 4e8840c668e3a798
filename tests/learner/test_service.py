"""Curiosity through the learner's services: it travels to actors, follows the reports, and survives a restart."""

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from small_versions import make_manifest

from learner.compose import build_curiosity, build_loss
from learner.meter import Meter
from learner.resume import Resumed
from learner.service import LearnerService
from learner.update import QLearning, Update
from protos import admin_pb2, admin_pb2_grpc, control_pb2, control_pb2_grpc, policy_pb2, policy_pb2_grpc
from townlet.checkpoint.manifest import FileRecord, Manifest
from townlet.config_file import load_config
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.policy import load_weights
from townlet.rpc import open_channel
from townlet.worlds.build import world_spec

CONFIGS = Path(__file__).parents[2] / "configs"
CPU = torch.device("cpu")


def manifest() -> Manifest:
    files = (FileRecord(path="000001/learner.json", size=0, sha256="0" * 64, component="learner"),)
    return make_manifest(1, files, members=("learner",))


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
    service = LearnerService(config, "layout", learning, meter, curves, resumed, threading.Event())
    channel = open_channel(config.learner.address)
    with service:
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
