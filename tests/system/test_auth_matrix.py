"""Every rpc of every server x every certificate x every token: who is let in, and what everybody else is told.

The rpcs are those that the servers themselves tell of: a new one is in the matrix, or fails it.
"""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from papers import CERTIFICATES, TOKENS, Papers
from redis_process import RedisServer

from townlet.config_file import dump_config, load_config
from townlet.roles import NEEDS

L0 = Path(__file__).parents[2] / "configs" / "L0_minimal.yaml"
QUICK = ("evaluation.enabled=false", "evaluation.goal=null", "checkpoint.period_s=null")
START_LIMIT_S = 200.0
CALL_LIMIT_S = 30.0

pytestmark = pytest.mark.timeout(400)

OK, DATA_LOSS = grpc.StatusCode.OK, grpc.StatusCode.DATA_LOSS
FORBIDDEN, UNKNOWN_CALLER = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED
HUNG_UP = grpc.StatusCode.UNAVAILABLE
INVALID, NOT_NOW = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION

ANYONE = ("Health", "ServerReflection")
LOOKS_ON = ("Status", "Watch", "ListMembers", "ListVersions", "ShowVersion", "VerifyVersion")

LET_IN = {
    "AdminService": {
        **dict.fromkeys(
            ("Status", "Watch", "ListMembers", "ListVersions", "Pause", "Resume", "Checkpoint", "Stop"), OK
        ),
        **dict.fromkeys(("ShowVersion", "VerifyVersion", "PinVersion", "UnpinVersion"), DATA_LOSS),
        **dict.fromkeys(("DeleteVersion", "RestoreVersion"), DATA_LOSS),
        **{"BranchVersion": INVALID, "Set": INVALID, "Drain": NOT_NOW},
    },
    "ControlService": dict.fromkeys(("Join", "Report", "Hold", "EndRound", "Deliver"), NOT_NOW),
    "PolicyService": dict.fromkeys(("Subscribe", "Acknowledge"), NOT_NOW),
    "ReplayService": {
        **dict.fromkeys(("OpenProducer", "Append", "CommitRound", "Sample", "SetLimiter", "Stay"), NOT_NOW),
        **dict.fromkeys(("AnnounceVersion", "CutVersion", "AwaitVersion", "EndVersion", "TakeUpVersion"), NOT_NOW),
        "Stats": OK,
    },
    "Health": {"Check": OK, "List": grpc.StatusCode.UNIMPLEMENTED, "Watch": OK},
    "ServerReflection": {"ServerReflectionInfo": OK},
}
"""What an empty message gets that is let in: of a service, by rpc."""


@contextmanager
def process(config: Path, module: str) -> Iterator[None]:
    with config.with_suffix(f".{module}.log").open("wb") as log:
        running = subprocess.Popen([sys.executable, "-m", module, str(config)], stdout=log, stderr=log)
        try:
            yield
        finally:
            running.kill()
            running.wait()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Papers, list[str]]]:
    """Papers, and the addresses of a learner and a shard that are locked with them."""
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        papers = Papers(folder / "papers")
        redis = RedisServer(folder)
        redis.start()
        stack.callback(redis.kill)
        probes = [stack.enter_context(socket.socket()) for _ in range(2)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        learner, shard = (f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes)
        for probe in probes:
            probe.close()
        places = (f"run.root={folder}", f"replay.redis_url={redis.url}", f"learner.address={learner}")
        overrides = (*places, f"replay.addresses=['{shard}']", *QUICK, *papers.settings())
        config = folder / "config.yaml"
        config.write_text(dump_config(load_config(L0, overrides)))
        for module in ("replay_service", "learner"):
            stack.enter_context(process(config, module))
        for address in (shard, learner):
            with papers.channel(address, "member") as channel:
                grpc.channel_ready_future(channel).result(START_LIMIT_S)
                wait_until_ready(channel)
        yield papers, [learner, shard]


def wait_until_ready(channel: grpc.Channel) -> None:
    """Until the server says that it serves its purpose."""
    watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=START_LIMIT_S)
    assert any(each.status == health_pb2.HealthCheckResponse.SERVING for each in watched)
    watched.cancel()


def rpcs(channel: grpc.Channel) -> list[MethodDescriptor]:
    """All that a server serves, as it says itself; what ends it comes last."""
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    services = [pool.FindServiceByName(name) for name in database.get_services()]
    found = [method for service in services for method in service.methods]
    return sorted(found, key=lambda method: method.name == "Stop")


def full_name(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def begin(channel: grpc.Channel, method: MethodDescriptor, token: str):
    """An empty call under way; what is returned waits for its status."""
    asked = "stream" if method.client_streaming else "unary"
    answered = "stream" if method.server_streaming else "unary"
    call = getattr(channel, f"{asked}_{answered}")(full_name(method))
    request = iter([b""]) if method.client_streaming else b""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    send = call if method.server_streaming else call.future
    answer = send(request, metadata=metadata, timeout=CALL_LIMIT_S)

    def status() -> grpc.StatusCode:
        try:
            next(answer) if method.server_streaming else answer.result()
        except grpc.RpcError as error:
            return error.code()
        except StopIteration:
            return answer.code()
        finally:
            answer.cancel()
        return OK

    return status


def expected(method: MethodDescriptor, certificate: str, token: str) -> grpc.StatusCode:
    service = method.containing_service.name
    if certificate in ("none", "foreign"):
        return HUNG_UP
    if service == "AdminService":
        if token in ("none", "wrong", "expired"):
            return UNKNOWN_CALLER
        if token == "viewer" and method.name not in LOOKS_ON:
            return FORBIDDEN
    elif certificate == "client" and service not in ANYONE:
        return FORBIDDEN
    return LET_IN[service][method.name]


def test_every_rpc_lets_in_whom_it_should_and_nobody_else(servers):
    papers, addresses = servers
    listed, wrong = set(), []
    for address in addresses:
        with ExitStack() as stack:
            channels = {name: stack.enter_context(papers.channel(address, name)) for name in CERTIFICATES}
            methods = rpcs(channels["member"])
            listed |= {full_name(method) for method in methods}
            for method in methods:
                calls = {
                    (certificate, token): begin(channels[certificate], method, papers.tokens[token])
                    for certificate in CERTIFICATES
                    for token in TOKENS
                }
                for shown, status in calls.items():
                    if (found := status()) is not (right := expected(method, *shown)):
                        wrong.append(f"{full_name(method)} with {shown}: expected {right.name}, found {found.name}")
    assert not wrong, "\n".join(wrong)
    assert listed == NEEDS.keys()


def test_nobody_is_answered_in_the_clear(servers):
    _, addresses = servers
    for address in addresses[1:]:
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=CALL_LIMIT_S)
        assert caught.value.code() is HUNG_UP
