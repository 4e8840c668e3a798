"""Composition root of a relay: `python -m relay CONFIG`."""

import asyncio
import sys
import threading

import structlog

from protos import policy_pb2
from relay.acknowledgements import Acknowledgements
from relay.loop import pass_acknowledgements_on, pass_policies_on
from relay.upstream import Upstream
from townlet.config import Config
from townlet.heap import set_aside
from townlet.lifecycle import ServiceArguments, address_of, arguments_parser, run_service
from townlet.metrics.calls import CallMetrics
from townlet.metrics.endpoint import Endpoint
from townlet.metrics.registry import new_registry
from townlet.policy_service import SERVICE, PolicyFeeds, PolicyServicer
from townlet.rpc import Server, open_async_channel
from townlet.telemetry import version as newest_version
from townlet.tracing import interceptors

log = structlog.get_logger()


def main(config: Config, _: ServiceArguments, stop: threading.Event) -> None:
    """Pass policies on until `stop`."""
    if config.relay.policies_from is not None:
        upstream = address_of(config.relay.policies_from, "relay.policies_from")
    else:
        upstream = address_of(config.learner.address, "learner.address")
    asyncio.run(serve(config, upstream, stop))


async def serve(config: Config, upstream_address: str, stop: threading.Event) -> None:
    """Follow, and serve whoever subscribes. Ends at `stop`, or with what ended the following."""
    run, address, tls = config.run.name, config.relay.address, config.security.tls
    channel = open_async_channel(upstream_address, tls)
    upstream = Upstream(channel, upstream_address, run, f"relay at {address}")
    feeds, acknowledgements = PolicyFeeds(), Acknowledgements()
    registry = new_registry("relay", run, config.digest(), newest_version)
    endpoint = Endpoint(registry, config.metrics.address)
    await endpoint.start()
    server = Server(tls, interceptors=[CallMetrics(registry), *interceptors()])
    PolicyServicer(run, feeds, acknowledgements.add).add_to(server.grpc_server)
    await server.start(address, (SERVICE,))
    set_aside()
    await server.set_serving(True)
    log.info("serving", port=server.port, follows=upstream_address)

    stopping = asyncio.create_task(asyncio.to_thread(stop.wait))
    passing = [
        asyncio.create_task(pass_policies_on(feeds.online, upstream, policy_pb2.WEIGHTS_ONLINE)),
        asyncio.create_task(pass_policies_on(feeds.averaged, upstream, policy_pb2.WEIGHTS_AVERAGED)),
        asyncio.create_task(pass_acknowledgements_on(acknowledgements, upstream)),
    ]
    await asyncio.wait([stopping, *passing], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for task in passing:
        task.cancel()
    ended = await asyncio.gather(*passing, return_exceptions=True)
    await server.stop()
    await endpoint.stop()
    await channel.close()
    for error in ended:
        if isinstance(error, Exception):
            raise error


if __name__ == "__main__":
    parser = arguments_parser("relay", "Passes policies on to many actors, so that the learner has few subscribers.")
    sys.exit(run_service(parser, lambda _: "relay", main))
