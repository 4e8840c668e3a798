"""The learner's side of policies and reports alone, as a process: `python -m bench.policy_source generated|bytes`.

With `generated`, each subscriber's answer is serialised for itself, as the generated code would have it.

Says its address first. Then reads orders, one a line, and answers each with a line: for `publish N`, a policy of N
bytes, the time by the monotonic clock at which it was published; for `network N`, likewise, a network of about so many
bytes, from before it is encoded on, as the learner does it, averaged weights too; for `cpu`, the seconds of CPU that it
has used.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from functools import cache
from typing import Any, cast

import grpc.aio

from bench.descriptors import allow_many
from bench.policy_networks import network_of
from learner.farewells import Farewells
from learner.head import Head
from learner.holds import Holds
from learner.publisher import Publisher
from learner.servicers import ControlServicer
from protos import control_pb2_grpc, policy_pb2
from townlet.heap import reuse_memory
from townlet.policy import encode_weights
from townlet.policy_service import SERVICE, PolicyServicer
from townlet.rpc import Server

RUN, CONFIG, LAYOUT = "bench", "config", "layout"


def add_generated(publisher: Publisher, server: grpc.aio.Server) -> None:
    """Subscribe as messages."""
    seen, message = b"", policy_pb2.SubscribeResponse()

    async def subscribe(_: object, __: object) -> AsyncIterator[policy_pb2.SubscribeResponse]:
        nonlocal seen, message
        async for policy in publisher.feeds.online.follow():
            if policy is not seen:
                seen, message = policy, policy_pb2.SubscribeResponse.FromString(policy)
            yield message

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Subscribe": grpc.unary_stream_rpc_method_handler(
            cast(Any, subscribe),
            policy_pb2.SubscribeRequest.FromString,
            policy_pb2.SubscribeResponse.SerializeToString,
        )
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


async def main(how: str) -> None:
    """Serve until there are no more orders."""
    server, publisher, head = Server(None), Publisher(), Head()
    if how == "generated":
        add_generated(publisher, server.grpc_server)
    else:
        PolicyServicer(RUN, publisher.feeds, head.acknowledge).add_to(server.grpc_server)
    control = ControlServicer(RUN, CONFIG, LAYOUT, head, Holds(), None, None, Farewells(lambda: False))
    control_pb2_grpc.add_ControlServiceServicer_to_server(control, server.grpc_server)
    await server.start("127.0.0.1:0", (SERVICE,))
    print(f"127.0.0.1:{server.port}", flush=True)
    network = cache(network_of)
    while order := (await asyncio.to_thread(sys.stdin.readline)).split():
        if order[0] == "cpu":
            print(time.process_time(), flush=True)
            continue
        policy, size = policy_pb2.Policy(version=publisher.version + 1), int(order[1])
        trained = network(size) if order[0] == "network" else None
        at_s = time.monotonic()
        if trained is None:
            publisher.publish(policy, bytes(size), b"", b"")
        else:
            publisher.publish(policy, encode_weights(trained), encode_weights(trained), b"")
        print(at_s, flush=True)
    await server.stop()


if __name__ == "__main__":
    allow_many()
    reuse_memory()  # as the learner does
    asyncio.run(main(sys.argv[1]))
