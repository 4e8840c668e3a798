"""The limit of gRPC in Python: a server in a process of its own that takes bytes and drops them, or sends zeros."""

import multiprocessing
import socket
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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(address,), daemon=True)
    process.start()
    channel = grpc.insecure_channel(address, options=OPTIONS)
    try:
        grpc.channel_ready_future(channel).result(timeout=30)
        yield channel
    finally:
        channel.close()
        process.terminate()
        process.join()


def _serve(address: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(4), options=OPTIONS)
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Drop": grpc.unary_unary_rpc_method_handler(lambda _, __: b""),
        "Send": grpc.unary_unary_rpc_method_handler(lambda size, _: bytes(int.from_bytes(size, "little"))),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench", methods),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()
