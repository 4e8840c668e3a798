"""Composition root of a shard: `python -m replay_service CONFIG --index SHARD`."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import Context

import grpc.aio
import structlog

from protos import replay_pb2, replay_pb2_grpc
from replay_service.metrics import ReplayMetrics
from replay_service.pulse import Pulse
from replay_service.redis_access import RedisAccess, redis_access
from replay_service.redis_log import Meta, RedisLog
from replay_service.servicer import ReplayServicer
from replay_service.shard import Shard, build_shard, restored_shard
from replay_service.stay import Stay
from replay_service.versions import ShardVersions, TakenUp
from townlet.append_call import add_append
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.errors import ConfigError, UnavailableError
from townlet.heap import set_aside
from townlet.lifecycle import ServiceArguments, add_index, arguments_parser, run_service
from townlet.metrics.calls import CallMetrics
from townlet.metrics.endpoint import Endpoint
from townlet.metrics.registry import new_registry
from townlet.rpc import Server
from townlet.run_folder import RunFolder
from townlet.sample_call import add_sample
from townlet.security_settings import TlsSettings
from townlet.telemetry import version as newest_version
from townlet.tracing import interceptors

CONNECT_RETRY_S = 0.1

log = structlog.get_logger()


def main(config: Config, arguments: ServiceArguments, stop: threading.Event) -> None:
    """Serve one shard until `stop`, and for a learner that stops at the same time until it has made a last version."""
    access = redis_access(config, os.environ)
    index = arguments.index or 0
    if index >= len(config.replay.addresses):
        raise ConfigError(f"--index: expected less than {len(config.replay.addresses)} shards, found {index}")
    asyncio.run(serve(config, access, index, stop))


async def serve(config: Config, access: RedisAccess, index: int, stop: threading.Event) -> None:
    """Listen, take up what Redis holds, then serve. Ends at `stop`, or with what ended the commits."""
    durable = config.replay.durability == "disk"
    registry = new_registry(f"replay-{index}", config.run.name, config.digest(), newest_version)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    around = [CallMetrics(registry), *interceptors()]
    redis_log = RedisLog(
        access,
        config.run.name,
        index,
        durable,
        config.replay.redis_timeout_s,
        cluster=config.replay.redis_cluster,
        replicas=config.replay.redis_replicas,
    )
    listen = config.replay.listen or config.replay.addresses[index]
    async with redis_log, listening(listen, config.security.tls, around) as server:
        committing: set[asyncio.Task[None]] = set()

        async def adopt(meta: Meta) -> Shard:
            return commit(await build_shard(config, index, redis_log, meta, servicer.look_again))

        async def restore(version: int, taken: TakenUp) -> Shard:
            await server.set_serving(False)
            for task in tuple(committing):
                task.cancel()
                await asyncio.wait([task])
            shard = await restored_shard(config, index, redis_log, taken, version, servicer.look_again)
            versions.took_up(taken)
            await server.set_serving(True)
            return commit(shard)

        def commit(shard: Shard) -> Shard:
            task = asyncio.create_task(shard.commits.run(), context=Context())  # of no call: it outlives them all
            committing.add(task)
            task.add_done_callback(lambda task: _pass_on(task, ended))
            task.add_done_callback(committing.discard)
            return shard

        root = config.checkpoint.root or RunFolder(config.run.folder).versions
        versions = ShardVersions(VersionStore(root), f"replay-{index}", redis_log)
        await connect(redis_log, config.replay.redis_timeout_s)
        taking_up = await redis_log.read_taking_up()
        known = await redis_log.read_meta() if taking_up is None else None
        if taking_up is None and known is None:
            taking_up = await versions.newest()
        metrics = ReplayMetrics(registry)
        servicer = ReplayServicer(config.run.name, config.shard_capacity, adopt, versions, restore, metrics, taking_up)
        metrics.show(servicer.stats)
        if known is not None:
            servicer.take_up(await adopt(known))
        endpoint = Endpoint(registry, config.metrics.address)
        await endpoint.start()
        add_append(server.grpc_server, servicer.Append)
        add_sample(server.grpc_server, servicer.Sample)
        replay_pb2_grpc.add_ReplayServiceServicer_to_server(servicer, server.grpc_server)
        set_aside()
        await server.set_serving(taking_up is None)
        log.info("serving", port=server.port)

        feeling = asyncio.create_task(Pulse(redis_log, registry).watch())
        leaving = asyncio.create_task(_leave(stop, servicer.stay, config.run.grace_s))
        await asyncio.wait([leaving, ended], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        feeling.cancel()
        await endpoint.stop()
    if ended.done():
        ended.result()


@asynccontextmanager
async def listening(
    address: str, tls: TlsSettings | None, around: Sequence[grpc.aio.ServerInterceptor]
) -> AsyncIterator[Server]:
    """A server that lives from now on, and has nothing to say yet. It ends with the context. See `Server`."""
    server = Server(tls, interceptors=around)
    await server.start(address, (replay_pb2.DESCRIPTOR.services_by_name["ReplayService"].full_name,))
    log.info("listening", port=server.port)
    try:
        yield server
    finally:
        await server.stop()


async def connect(redis_log: RedisLog, timeout_s: float) -> None:
    """Wait until Redis is there. Raises UnavailableError when it is not, after `timeout_s`.

    One that is only slow is waited for, answer by answer.
    """
    until_s = asyncio.get_running_loop().time() + timeout_s
    while True:
        try:
            return await redis_log.check()
        except UnavailableError:
            if asyncio.get_running_loop().time() + CONNECT_RETRY_S > until_s:
                raise
            await asyncio.sleep(CONNECT_RETRY_S)


async def _leave(stop: threading.Event, stay: Stay, grace_s: float) -> None:
    await asyncio.to_thread(stop.wait)
    await stay.over(grace_s)


def _pass_on(task: "asyncio.Task[None]", ended: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        ended.set_exception(error)


if __name__ == "__main__":
    parser = arguments_parser("replay_service", "One shard of the replay.")
    add_index(parser, "which shard", default=0)
    sys.exit(run_service(parser, lambda arguments: f"replay-{arguments.index}", main))
