"""Actors that only speak, many in one process: `python -m bench.light_clients RUN ADDRESS COUNT FIRST [SHARD]`.

Each has a connection of its own, and follows the policies. Says `ready` once all have the first one, and then, for each
order read, one line: for `policy`, once all have the next one, the times at which each got it; for `report S`,
`acknowledge S` and `append S`, the number of calls that were made in S seconds, one after the other by each client. An
append brings the shard at the address SHARD an episode of `EPISODE_STEPS`.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import grpc.aio

from bench.descriptors import allow_many
from protos import control_pb2, control_pb2_grpc, policy_pb2, policy_pb2_grpc, replay_pb2, replay_pb2_grpc
from townlet.policy_service import SERVICE
from townlet.rpc import MESSAGE_LIMIT_BYTES

TIMEOUT_S = 120.0
EPISODE_STEPS = 500
STRIDE = 128
LAYOUT = "layout"
EPISODE = bytes((EPISODE_STEPS + 1) * STRIDE)
OPTIONS = [("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES), ("grpc.use_local_subchannel_pool", 1)]


class LightClient:
    """One actor. shard: its address; empty for one that appends nothing."""

    def __init__(self, run: str, address: str, member: str, shard: str) -> None:
        channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self._control = control_pb2_grpc.ControlServiceStub(channel)
        self._policies = policy_pb2_grpc.PolicyServiceStub(channel)
        self._join = control_pb2.JoinRequest(
            run=run,
            member=member,
            incarnation="a",
            role=control_pb2.ROLE_ACTOR,
            config_digest="config",
            layout_digest=LAYOUT,
            lanes=64,
        )
        self._report = control_pb2.ReportRequest(run=run, member=member, incarnation="a")
        self._acknowledgement = policy_pb2.AcknowledgeRequest(run=run, versions={member: 1})
        self._replay = replay_pb2_grpc.ReplayServiceStub(grpc.aio.insecure_channel(shard or address, options=OPTIONS))
        layout = replay_pb2.Layout(stride=STRIDE, digest=LAYOUT)
        self._open = replay_pb2.OpenProducerRequest(run=run, layout=layout, actor=member)
        self._append = replay_pb2.AppendRequest(run=run, layout_digest=LAYOUT, actor=member, wait_ms=5000)
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

    async def open(self) -> None:
        """Begin to append."""
        opened = await self._replay.OpenProducer(self._open, timeout=TIMEOUT_S, wait_for_ready=True)
        self._append.epoch = opened.epoch
        del self._append.episodes[:]
        self._append.episodes.append(replay_pb2.Episode(sequence=0, records=EPISODE))

    async def append(self) -> None:
        """An episode, until it is durable."""
        stored = await self._replay.Append(self._append, timeout=TIMEOUT_S)
        self._append.episodes[0].sequence = stored.next_sequence

    async def acknowledge(self) -> None:
        """A policy."""
        await self._policies.Acknowledge(self._acknowledgement, timeout=TIMEOUT_S)


CALLS = {
    "report": LightClient.report,
    "acknowledge": LightClient.acknowledge,
    "append": LightClient.append,
}
BEFORE = {"report": LightClient.join, "append": LightClient.open}
"""What a client has to have done."""


async def calls(call: Callable[[], Awaitable[None]], seconds: float) -> int:
    """How many calls were made, one after the other."""
    made, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        await call()
        made += 1
    return made


async def main(run: str, address: str, count: int, first: int, shard: str = "") -> None:
    """Follow the orders until there are no more."""
    clients = [LightClient(run, address, f"actor-{first + number}", shard) for number in range(count)]
    await asyncio.gather(*(client.policy() for client in clients))
    print("ready", flush=True)
    next_policies = [asyncio.ensure_future(client.policy()) for client in clients]
    while order := (await asyncio.to_thread(sys.stdin.readline)).split():
        if order[0] == "policy":
            print(json.dumps(await asyncio.gather(*next_policies)), flush=True)
            next_policies = [asyncio.ensure_future(client.policy()) for client in clients]
            continue
        if order[0] in BEFORE:
            await asyncio.gather(*(BEFORE[order[0]](client) for client in clients))
        ask = [partial(CALLS[order[0]], client) for client in clients]
        print(sum(await asyncio.gather(*(calls(call, float(order[1])) for call in ask))), flush=True)


if __name__ == "__main__":
    allow_many()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:]))
