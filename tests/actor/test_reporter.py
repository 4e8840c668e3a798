"""Reports reach the learner whether or not the relay is there that policies are acknowledged to."""

import threading
import time

import pytest
from policy_source import RUN, PolicySource

from actor.reporter import Reporter
from learner.farewells import Farewells
from learner.head import Head
from learner.holds import Holds
from learner.servicers import ControlServicer
from protos import control_pb2, control_pb2_grpc
from townlet.rpc import LoopThread, Server

JOIN = control_pb2.JoinRequest(
    run=RUN, member="actor-0", role=control_pb2.ROLE_ACTOR, config_digest="config", layout_digest="layout", lanes=2
)


class Learner:
    """The books alone, behind a server in this process."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.head = Head()

    def __enter__(self) -> "Learner":
        self._loop = LoopThread("learner").__enter__()
        self._loop.run(self._start())
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.run(self._server.stop())
        self._loop.__exit__(*exception)

    async def _start(self) -> None:
        self._server = Server(None)
        control = ControlServicer(RUN, "config", "layout", self.head, Holds(), None, None, Farewells(lambda: False))
        control_pb2_grpc.add_ControlServiceServicer_to_server(control, self._server.grpc_server)
        await self._server.start(self.address, ())


@pytest.fixture
def learner(free_port):
    with Learner(free_port) as learner:
        yield learner


def wait_until(happened) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def make_port() -> int:
    with PolicySource(0) as source:
        return source.port


def test_a_relay_that_is_away_holds_up_no_report_and_is_told_once_it_is_there(learner):
    port, stop = make_port(), threading.Event()
    reporter = Reporter(learner.address, JOIN, 0.05, stop, None, policies_from=f"127.0.0.1:{port}")
    reporter.join()
    with reporter:
        reporter.policy_version = 3
        for episodes in range(1, 4):
            reporter.add_episode(7, 1.0, True)
            wait_until(lambda episodes=episodes: learner.head.episodes == episodes)
        with PolicySource(port) as relay:
            wait_until(lambda: {"actor-0": 3} in relay.acknowledged)
        stop.set()
