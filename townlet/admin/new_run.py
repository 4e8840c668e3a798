"""The configuration of a run that begins at a version of another one."""

from townlet.config import Config
from townlet.config_file import override_config
from townlet.errors import ConfigError, InvalidRequestError
from townlet.launch.redis_server import server_url
from townlet.run_folder import RunFolder
from townlet.settings import ANY_PORT

HERE = ("127.0.0.1", "localhost")


def branched_config(config: Config, run: str) -> Config:
    """The same, under another name, with nothing that two runs could not both have.

    Ports of this machine are chosen anew, so is an embedded Redis; a root of versions gets the name added to it.
    Raises InvalidRequestError when a run cannot be called so.
    """
    try:
        named = override_config(config, {"run.name": f"'{run}'"})
    except ConfigError as error:
        raise InvalidRequestError(f"branch: {error}") from None
    root, redis_url = config.checkpoint.root, config.replay.redis_url
    embedded = redis_url == server_url(RunFolder(config.run.folder).redis)
    replay = {
        "addresses": tuple(_any_port(address) for address in config.replay.addresses),
        "redis_url": None if embedded else redis_url,
    }
    return named.model_copy(
        update={
            "replay": config.replay.model_copy(update=replay),
            "learner": config.learner.model_copy(update={"address": _any_port(config.learner.address)}),
            "checkpoint": config.checkpoint.model_copy(update={"root": root and f"{root}-{run}"}),
        }
    )


def _any_port(address: str) -> str:
    host, _, _ = address.rpartition(":")
    return f"{host}:{ANY_PORT}" if host in HERE else address
