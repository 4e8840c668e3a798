"""Relays as processes: what comes in goes out, byte for byte, whoever is killed."""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from policy_source import AVERAGED, ONLINE, RUN, PolicySource, RelayProcess, message

from actor.policy_watcher import PolicyWatcher
from protos import policy_pb2, policy_pb2_grpc
from townlet.launch.places import free_port as make_port
from townlet.policy_service import SERVICE
from townlet.rpc import open_channel
from townlet.subscribe_call import ReceivedPolicy


@pytest.fixture
def source(free_port):
    with PolicySource(free_port) as source:
        yield source


@pytest.fixture
def relay(short_folder, source):
    with RelayProcess(short_folder, make_port(), source.address) as relay:
        yield relay.wait_until_serving()


@contextmanager
def watching(address: str, weights=ONLINE):
    """An actor's watcher."""
    with PolicyWatcher(address, RUN, "actor-0", weights, threading.Event(), None) as watcher:
        yield watcher


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def version_of(watcher: PolicyWatcher) -> int:
    """Of the next policy that it gets."""
    got: list[ReceivedPolicy | None] = []
    wait_until(lambda: got.append(watcher.take()) or got[-1])
    return got[-1].version


def test_a_policy_goes_out_as_the_bytes_that_came_in(source, relay):
    weights = bytes(range(256)) * 4096 * 10  # ten megabytes
    source.publish(1, weights)
    with open_channel(relay.address, None) as channel:
        request = policy_pb2.SubscribeRequest(run=RUN).SerializeToString()
        assert next(channel.unary_stream(f"/{SERVICE}/Subscribe")(request, timeout=60)) == message(1, weights)


def test_each_kind_of_weights_is_subscribed_to_only_while_somebody_wants_it(source, relay):
    def followers() -> tuple[int, int]:
        return source.feeds.online.followers, source.feeds.averaged.followers

    source.publish(1)
    assert followers() == (0, 0)
    with watching(relay.address), watching(relay.address) as second:
        assert version_of(second) == 1
        assert followers() == (1, 0)
        with watching(relay.address, AVERAGED) as evaluator:
            assert evaluator.wait().weights == b"averaged w"
            assert followers() == (1, 1)
    version = 1

    def gone() -> bool:
        nonlocal version
        version += 1
        source.publish(version)  # a relay looks who is left when it passes a policy on
        return followers() == (0, 0)

    wait_until(gone)
    with watching(relay.address) as late:
        assert version_of(late) == version


def test_subscribers_survive_kill_9_of_a_relay(source, relay):
    source.publish(1)
    with watching(relay.address) as first, watching(relay.address) as second:
        assert version_of(first) == version_of(second) == 1
        relay.stop(signal.SIGKILL)
        source.publish(2)
        with relay:
            assert version_of(first) == version_of(second) == 2
            source.publish(3)
            assert version_of(first) == version_of(second) == 3


def test_subscribers_survive_a_learner_that_comes_back_with_an_older_version(short_folder, free_port):
    with RelayProcess(short_folder, make_port(), f"127.0.0.1:{free_port}") as relay:
        with PolicySource(free_port) as source, watching(relay.address) as actor:
            source.publish(57)
            assert version_of(actor) == 57
        wait_until(lambda: "policy_stream_ended" in relay.log.read_text())
        with watching(relay.address) as actor, watching(relay.address) as late:
            time.sleep(0.5)  # nothing may come, and only time can tell
            assert actor.take() is None
            with PolicySource(free_port) as source:
                source.publish(40)
                assert version_of(actor) == version_of(late) == 40
                source.publish(41)
                assert version_of(actor) == version_of(late) == 41


def test_acknowledgements_go_up_a_tree_of_relays_many_in_one_call(short_folder, source, relay):
    with RelayProcess(short_folder, make_port(), relay.address, relay=True) as leaf, watching(leaf.address) as actor:
        source.publish(5)
        assert version_of(actor) == 5
        with open_channel(leaf.address, None) as channel:
            stub = policy_pb2_grpc.PolicyServiceStub(channel)
            for number in range(100):
                told = policy_pb2.AcknowledgeRequest(run=RUN, versions={f"actor-{number}": 5})
                stub.Acknowledge(told, timeout=20)

        def known() -> dict[str, int]:
            return {member: version for call in source.acknowledged for member, version in call.items()}

        wait_until(lambda: len(known()) == 100)
        assert set(known().values()) == {5}
        assert len(source.acknowledged) < 50


def test_acknowledgements_wait_for_a_learner_that_is_away(short_folder, free_port):
    with RelayProcess(short_folder, make_port(), f"127.0.0.1:{free_port}") as relay:
        relay.wait_until_serving()
        with open_channel(relay.address, None) as channel:
            stub = policy_pb2_grpc.PolicyServiceStub(channel)
            stub.Acknowledge(policy_pb2.AcknowledgeRequest(run=RUN, versions={"actor-0": 3}), timeout=20)
        wait_until(lambda: "acknowledgement_retried" in relay.log.read_text())
        with PolicySource(free_port) as source:
            wait_until(lambda: {"actor-0": 3} in source.acknowledged)


def test_a_subscriber_of_another_run_is_refused(relay):
    with open_channel(relay.address, None) as channel:
        stub = policy_pb2_grpc.PolicyServiceStub(channel)
        with pytest.raises(grpc.RpcError, match="policies of 'test' are served here, found 'another'") as refused:
            next(stub.Subscribe(policy_pb2.SubscribeRequest(run="another"), timeout=20))
        assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_a_relay_of_another_run_ends_and_says_why(short_folder, source):
    with RelayProcess(short_folder, make_port(), source.address, run="another") as relay:
        relay.wait_until_serving()
        with open_channel(relay.address, None) as channel:
            stub = policy_pb2_grpc.PolicyServiceStub(channel)
            with pytest.raises(grpc.RpcError):
                next(stub.Subscribe(policy_pb2.SubscribeRequest(run="another"), timeout=20))
        assert relay.process.wait(20) == 1
        assert "policies of 'test' are served here, found 'another'" in relay.log.read_text()


def test_a_relay_can_be_called_by_hand_and_stops_in_order_while_it_has_subscribers(source, relay):
    with open_channel(relay.address, None) as channel:
        assert SERVICE in ProtoReflectionDescriptorDatabase(channel).get_services()
    source.publish(1)
    with watching(relay.address) as actor:
        assert version_of(actor) == 1
        assert relay.stop() == 0
