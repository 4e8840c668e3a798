"""The limit of gRPC in Python: a server in a process of its own that takes bytes and drops them, or sends zeros.

The process is `python -m bench.dropping_server`. It says its address and serves until it is ended.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

from townlet.rpc import MESSAGE_LIMIT_BYTES

OPTIONS = [
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
]


@contextmanager
def dropping_server() -> Iterator[Callable[[bytes], Any]]:
    """Starts a call that sends bytes and gets none; its `result()` waits for the answer."""
    with _server() as channel:
        drop: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/bench/Drop")
        yield drop.future


@contextmanager
def sending_server() -> Iterator[Callable[[bytes], Any]]:
    """Starts a call that sends a number, as eight bytes, and gets so many zeros; likewise."""
    with _server() as channel:
        send: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/bench/Send")
        yield send.future


@contextmanager
def _server() -> Iterator[grpc.Channel]:
    command = [sys.executable, "-m", "bench.dropping_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(process.stdout.readline().strip(), options=OPTIONS) as channel:
                yield channel
        finally:
            process.terminate()


def _serve() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4), options=OPTIONS)
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Drop": grpc.unary_unary_rpc_method_handler(lambda _, __: b""),
        "Send": grpc.unary_unary_rpc_method_handler(lambda size, _: bytes(int.from_bytes(size, "little"))),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    _serve()
