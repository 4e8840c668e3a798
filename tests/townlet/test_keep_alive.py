"""A peer that falls silent without a word is noticed, also by a call without a deadline."""

import asyncio
import threading
import time

import grpc
import pytest
from fault_proxy import FaultProxy

from protos import admin_pb2, admin_pb2_grpc
from townlet.rpc import LoopThread, Server, open_channel

NOTICED_S = 45.0
"""Pings every 20 s, each answered within 10 s; what the network stack would need by itself is a minute."""


class Watched(admin_pb2_grpc.AdminServiceServicer):
    """Tells one thing, and then nothing."""

    async def Watch(self, request, context):
        yield admin_pb2.WatchResponse()
        await asyncio.sleep(600)


@pytest.mark.slow
def test_a_stream_through_a_connection_that_hangs_ends():
    with LoopThread("test") as loop:

        async def start() -> Server:
            server = Server(None)
            admin_pb2_grpc.add_AdminServiceServicer_to_server(Watched(), server.grpc_server)
            await server.start("127.0.0.1:0", ("townlet.v1.AdminService",))
            return server

        server = loop.run(start())
        with FaultProxy(f"127.0.0.1:{server.port}") as proxy, open_channel(proxy.address, None) as channel:
            answers = admin_pb2_grpc.AdminServiceStub(channel).Watch(admin_pb2.WatchRequest(), timeout=600)
            next(answers)
            proxy.cut()
            giving_up, began_s = threading.Timer(NOTICED_S, answers.cancel), time.monotonic()
            giving_up.start()
            with pytest.raises(grpc.RpcError) as caught:
                next(answers)
            giving_up.cancel()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE, f"after {time.monotonic() - began_s:.0f} s"
        loop.run(server.stop())
