"""Composition root of a shard: `python -m replay_service CONFIG --index SHARD`."""

import asyncio
import sys
import threading

import structlog

from protos import replay_pb2, replay_pb2_grpc
from replay_service.redis_log import Meta, RedisLog
from replay_service.servicer import ReplayServicer
from replay_service.shard import Shard, build_shard, restored_shard
from replay_service.versions import ShardVersions, TakenUp
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.errors import ConfigError, UnavailableError
from townlet.lifecycle import ServiceArguments, arguments_parser, run_service
from townlet.rpc import Server
from townlet.run_folder import RunFolder

CONNECT_RETRY_S = 0.1

log = structlog.get_logger()


def main(config: Config, arguments: ServiceArguments, stop: threading.Event) -> None:
    """Serve one shard until `stop`."""
    if config.replay.redis_url is None:
        raise ConfigError("replay.redis_url: expected the URL of a Redis server, found null (`townlet up` starts one)")
    if arguments.index >= len(config.replay.addresses):
        raise ConfigError(f"--index: expected less than {len(config.replay.addresses)} shards, found {arguments.index}")
    asyncio.run(serve(config, config.replay.redis_url, arguments.index, stop))


async def serve(config: Config, redis_url: str, index: int, stop: threading.Event) -> None:
    """Take up what Redis holds, then serve. Ends at `stop`, or with what ended the commits."""
    durable = config.replay.durability == "disk"
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    async with RedisLog(redis_url, config.run.name, index, durable, config.replay.redis_timeout_s) as redis_log:
        committing: set[asyncio.Task[None]] = set()

        async def adopt(meta: Meta) -> Shard:
            return commit(await build_shard(config, index, redis_log, meta, servicer.look_again))

        async def restore(version: int, taken: TakenUp) -> Shard:
            for task in tuple(committing):
                task.cancel()
                await asyncio.wait([task])
            shard = await restored_shard(config, index, redis_log, taken, version, servicer.look_again)
            versions.took_up(taken)
            return commit(shard)

        def commit(shard: Shard) -> Shard:
            task = asyncio.create_task(shard.commits.run())
            committing.add(task)
            task.add_done_callback(lambda task: _pass_on(task, ended))
            task.add_done_callback(committing.discard)
            return shard

        root = config.checkpoint.root or RunFolder(config.run.folder).versions
        versions = ShardVersions(VersionStore(root), f"replay-{index}", redis_log)
        await connect(redis_log, config.replay.redis_timeout_s)
        taking_up = await redis_log.read_taking_up()
        servicer = ReplayServicer(config.run.name, config.shard_capacity, adopt, versions, restore, taking_up)
        known = await redis_log.read_meta()
        if known is not None and taking_up is None:
            servicer.take_up(await adopt(known))
        server = Server()
        replay_pb2_grpc.add_ReplayServiceServicer_to_server(servicer, server.grpc_server)
        services = (replay_pb2.DESCRIPTOR.services_by_name["ReplayService"].full_name,)
        await server.start(config.replay.addresses[index], services)
        await server.set_serving(True)
        log.info("serving", port=server.port)

        stopping = asyncio.create_task(_wait_for(stop))
        await asyncio.wait([stopping, ended], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await server.stop()
    if ended.done():
        ended.result()


async def connect(redis_log: RedisLog, timeout_s: float) -> None:
    """Wait until Redis is there. Raises UnavailableError after `timeout_s`."""
    async with asyncio.timeout(timeout_s) as deadline:
        while True:
            try:
                return await redis_log.check()
            except UnavailableError:
                if asyncio.get_running_loop().time() + CONNECT_RETRY_S > (deadline.when() or 0.0):
                    raise
                await asyncio.sleep(CONNECT_RETRY_S)


async def _wait_for(stop: threading.Event) -> None:
    await asyncio.to_thread(stop.wait)


def _pass_on(task: "asyncio.Task[None]", ended: "asyncio.Future[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        ended.set_exception(error)


if __name__ == "__main__":
    parser = arguments_parser("replay_service", "One shard of the replay.")
    parser.add_argument("--index", type=int, default=0, help="which shard, from 0")
    sys.exit(run_service(parser, lambda arguments: f"replay-{arguments.index}", main))
