"""Actors that do nothing but speak, many in one process: `python -m bench.light_clients RUN ADDRESS COUNT FIRST`.

Each has a connection of its own, and follows the policies. Says `ready` once all have the first one, and then, for each
order read, one line: for `policy`, once all have the next one, the times at which each got it; for `report S` and
`acknowledge S`, the number of calls that were made in S seconds, one after the other by each client.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import grpc.aio

from bench.descriptors import allow_many
from protos import control_pb2, control_pb2_grpc, policy_pb2, policy_pb2_grpc
from townlet.policy_service import SERVICE
from townlet.rpc import MESSAGE_LIMIT_BYTES

TIMEOUT_S = 120.0
OPTIONS = [("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES), ("grpc.use_local_subchannel_pool", 1)]


class LightClient:
    """One actor."""

    def __init__(self, run: str, address: str, member: str) -> None:
        channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._control = control_pb2_grpc.ControlServiceStub(channel)
        self._policies = policy_pb2_grpc.PolicyServiceStub(channel)
        self._join = control_pb2.JoinRequest(
            run=run,
            member=member,
            incarnation="a",
            role=control_pb2.ROLE_ACTOR,
            config_digest="config",
            layout_digest="layout",
            lanes=64,
        )
        self._report = control_pb2.ReportRequest(run=run, member=member, incarnation="a")
        self._acknowledgement = policy_pb2.AcknowledgeRequest(run=run, versions={member: 1})
        subscribe: grpc.aio.UnaryStreamMultiCallable[policy_pb2.SubscribeRequest, bytes] = channel.unary_stream(
            f"/{SERVICE}/Subscribe", policy_pb2.SubscribeRequest.SerializeToString, response_deserializer=None
        )
        self._stream = subscribe(policy_pb2.SubscribeRequest(run=run, member=member), wait_for_ready=True)

    async def policy(self) -> float:
        """When the next policy has come."""
        await self._stream.read()
        return time.monotonic()

    async def join(self) -> None:
        """As an actor."""
        await self._control.Join(self._join, timeout=TIMEOUT_S)

    async def report(self) -> None:
        """As an actor does while it has little to tell."""
        await self._control.Report(self._report, timeout=TIMEOUT_S)

    async def acknowledge(self) -> None:
        """A policy."""
        await self._policies.Acknowledge(self._acknowledgement, timeout=TIMEOUT_S)


async def calls(call: Callable[[], Awaitable[None]], seconds: float) -> int:
    """How many calls were made, one after the other."""
    made, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        await call()
        made += 1
    return made


async def main(run: str, address: str, count: int, first: int) -> None:
    """Follow the orders until there are no more."""
    clients = [LightClient(run, address, f"actor-{first + number}") for number in range(count)]
    await asyncio.gather(*(client.policy() for client in clients))
    print("ready", flush=True)
    next_policies = [asyncio.ensure_future(client.policy()) for client in clients]
    while order := (await asyncio.to_thread(sys.stdin.readline)).split():
        if order[0] == "policy":
            print(json.dumps(await asyncio.gather(*next_policies)), flush=True)
            next_policies = [asyncio.ensure_future(client.policy()) for client in clients]
            continue
        if order[0] == "report":
            await asyncio.gather(*(client.join() for client in clients))
        ask = [client.report if order[0] == "report" else client.acknowledge for client in clients]
        print(sum(await asyncio.gather(*(calls(call, float(order[1])) for call in ask))), flush=True)


if __name__ == "__main__":
    allow_many()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
