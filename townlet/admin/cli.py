"""The commands of `townlet admin`, as they are typed. Each imports what it needs when it runs."""

import os
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from townlet.admin import completion

app = typer.Typer(
    help="Look at a run that is on, and steer it. Versions can be looked after when it is not on, too.\n\n"
    "Exit codes: 0 done; 1 refused or failed, the reason is told; 2 the command is wrong; 3 the learner cannot be "
    "reached; 4 a version is missing or damaged.",
    no_args_is_help=True,
)

Run = Annotated[
    str, typer.Option("--run", help="the run's folder or name, or `latest`", autocompletion=completion.runs)
]
Address = Annotated[str | None, typer.Option("--address", help="host:port of the run's learner, instead of --run")]
Json = Annotated[bool, typer.Option("--json", help="print JSON: one value a line")]
Wait = Annotated[bool, typer.Option(help="wait until it is done")]
Version = Annotated[int, typer.Argument(metavar="V", min=1, help="a version", autocompletion=completion.versions)]
LATEST = "latest"

_given: ContextVar[tuple[Path | None, Path | None]] = ContextVar("given", default=(None, None))
"""What stands before the command: --token-file and --identity."""


@app.callback()
def doors(
    token_file: Annotated[
        Path | None, typer.Option(help="holds the token, where the learner asks for one; else TOWNLET_TOKEN does")
    ] = None,
    identity: Annotated[
        Path | None,
        typer.Option(
            envvar="TOWNLET_IDENTITY",
            help="DIR/NAME: the certificate DIR/NAME.pem, with NAME.key and ca.pem; else as the run is configured",
        ),
    ] = None,
) -> None:
    _given.set((token_file, identity))


@app.command()
def status(run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """How the run is."""
    _do("status", run, address, as_json)


@app.command()
def watch(
    run: Run = LATEST,
    address: Address = None,
    as_json: Json = False,
    period: Annotated[float, typer.Option(min=0.05, help="seconds between two looks")] = 1.0,
) -> None:
    """How the run is, until it ends or Ctrl-C."""
    _do("watch", run, address, as_json, period)


@app.command()
def pause(run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Let the training stand still between two updates."""
    _do("pause", run, address, as_json)


@app.command()
def resume(run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Let the training go on."""
    _do("resume", run, address, as_json)


@app.command()
def checkpoint(run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Make a version now."""
    _do("checkpoint", run, address, as_json)


@app.command()
def versions(run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """List the versions."""
    _do("versions", run, address, as_json)


@app.command()
def show(version: Version, run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Show one version; with --json its files, too."""
    _do("show", run, address, as_json, version)


@app.command()
def verify(version: Version, run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Read every byte of a version: is it as it was written?"""
    _do("verify", run, address, as_json, version)


@app.command()
def restore(version: Version, run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Take the whole running system back to a version."""
    _do("restore", run, address, as_json, version)


@app.command()
def pin(version: Version, run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Keep a version from being deleted."""
    _do("pin", run, address, as_json, version)


@app.command()
def unpin(version: Version, run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """The inverse."""
    _do("unpin", run, address, as_json, version)


@app.command()
def delete(version: Version, run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """Delete a version."""
    _do("delete", run, address, as_json, version)


@app.command()
def branch(
    version: Version,
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the new run")],
    run: Run = LATEST,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Begin another run at a version."""
    _do("branch", run, address, as_json, version, name)


@app.command("set")
def set_value(
    key: Annotated[str, typer.Argument(metavar="KEY", help="its path", autocompletion=completion.keys)],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="none: as it is configured")] = "",
    run: Run = LATEST,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Set a value of the configuration, live and in all versions from now on."""
    _do("set", run, address, as_json, key, value)


@app.command()
def actors(run: Run = LATEST, address: Address = None, as_json: Json = False) -> None:
    """List the members of the run."""
    _do("actors", run, address, as_json)


@app.command()
def drain(
    actor: Annotated[str, typer.Argument(metavar="ACTOR", help="its name", autocompletion=completion.actors)],
    run: Run = LATEST,
    address: Address = None,
    as_json: Json = False,
    wait: Wait = True,
) -> None:
    """Let an actor deliver what it has, and leave."""
    _do("drain", run, address, as_json, actor, wait)


@app.command()
def stop(run: Run = LATEST, address: Address = None, as_json: Json = False, wait: Wait = True) -> None:
    """End the run, with a last version."""
    _do("stop", run, address, as_json, wait)


def _do(command: str, run: str, address: str | None, as_json: bool, *arguments: Any) -> None:
    from townlet.admin.commands import Commands, exit_code
    from townlet.admin.key import find_key
    from townlet.errors import TownletError

    try:
        key = find_key(*_given.get(), os.environ)
        getattr(Commands(run, address, as_json, key), command)(*arguments)
    except TownletError as error:
        print(f"townlet: {error}", file=sys.stderr)  # noqa: T201  # this is the terminal's end
        raise typer.Exit(exit_code(error)) from None
