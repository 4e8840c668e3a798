"""What a burst of large messages took goes back to the system."""

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from protos import replay_pb2, replay_pb2_grpc
from townlet.rpc import call, open_channel

SERVER = """
import ctypes, gc, sys
from pathlib import Path
from protos import replay_pb2, replay_pb2_grpc
from townlet.heap import reuse_memory
from townlet.rpc import LoopThread, Server

class Answers(replay_pb2_grpc.ReplayServiceServicer):
    async def CutVersion(self, request, context):
        return replay_pb2.CutVersionResponse()

def resident_mib():
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

async def start():
    server = Server(None)
    replay_pb2_grpc.add_ReplayServiceServicer_to_server(Answers(), server.grpc_server)
    await server.start("127.0.0.1:0", ("townlet.v1.ReplayService",))
    return server

reuse_memory()
with LoopThread("test") as loop:
    server = loop.run(start())
    print(server.port, flush=True)
    for _ in sys.stdin:
        print(resident_mib(), flush=True)
    loop.run(server.stop())
"""
CONNECTIONS = 4
LARGE = replay_pb2.CutVersionRequest(run="x" * 20 * 2**20)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="looks at what glibc's heaps hold")
def test_what_a_server_keeps_of_large_messages_is_little():
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as server:

        def resident_mib() -> float:
            server.stdin.write("\n")
            return float(server.stdout.readline())

        address = f"127.0.0.1:{server.stdout.readline().strip()}"
        channels = [open_channel(address, None) for _ in range(CONNECTIONS)]
        methods = [replay_pb2_grpc.ReplayServiceStub(channel).CutVersion for channel in channels]

        def cut(request: replay_pb2.CutVersionRequest) -> None:
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                list(threads.map(lambda method: call(method, request, peer="shard", timeout_s=60.0), methods))

        cut(replay_pb2.CutVersionRequest())
        before_mib = resident_mib()
        for _ in range(8):
            cut(LARGE)
        assert resident_mib() - before_mib < CONNECTIONS
        for channel in channels:
            channel.close()
        server.stdin.close()
