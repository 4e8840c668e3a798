"""The `townlet` command. Each command imports what it needs when it runs, so that `--help` answers at once."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from townlet.admin.cli import app as admin_app

app = typer.Typer(
    help="Distributed reinforcement learning in which the whole system has one version.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Look at configurations.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(admin_app, name="admin")

Role = Literal["viewer", "operator"]
ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="a configuration, such as configs/L1_full.yaml")]
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="a run's folder or name, or `latest`")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="override one value; may be repeated")
]


PlayedVersion = Annotated[
    int | None, typer.Option(min=1, help="whose policy plays; by default the one that was saved last")
]


@app.command()
def up(
    config: ConfigPath,
    run: Annotated[str | None, typer.Option(help="name of the run; an existing one goes on")] = None,
    overrides: Overrides = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="go on from the newest version that is whole, past damaged ones")
    ] = False,
) -> None:
    """Train: start every service on this machine, and show how it goes."""
    from townlet.launch.commands import up_command

    raise typer.Exit(up_command(config, run, overrides or [], fallback))


@app.command()
def evaluate(
    run: RunPath,
    beside: Annotated[list[str] | None, typer.Option(help="another run in the same world; may be repeated")] = None,
    episodes: Annotated[int, typer.Option(min=1, help="greedy episodes to play")] = 200,
    seed: Annotated[int | None, typer.Option(help="of the episodes; by default fresh ones each time")] = None,
    version: PlayedVersion = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Play greedy episodes of a run's policy, beside the baselines."""
    from townlet.launch.evaluate import evaluate_command

    evaluate_command(run, beside or [], episodes, seed, as_json, version)


@app.command()
def watch(
    run: RunPath,
    fps: Annotated[float, typer.Option(min=0.1, help="steps shown a second")] = 5.0,
    episodes: Annotated[int | None, typer.Option(min=1, help="stop after so many episodes")] = None,
    seed: Annotated[int | None, typer.Option(help="of the episodes; by default fresh ones each time")] = None,
    version: PlayedVersion = None,
) -> None:
    """Watch the agent live, in the terminal."""
    from townlet.launch.watch import watch_command

    watch_command(run, fps, episodes, seed, version)


@app.command()
def certificates(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="where they are put, beside ca.pem and ca.key")],
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME[=HOST,...]", help="for the host NAME, or for these; always for localhost"),
    ],
    client: Annotated[bool, typer.Option("--client", help="for people and programs, who are no part of a run")] = False,
    days: Annotated[int, typer.Option(min=1, help="that they are valid")] = 365,
) -> None:
    """Make certificates for security.tls, and an authority for them where DIR has none."""
    from townlet.launch.keys import certificates_command

    certificates_command(folder, names, client, days)


@app.command()
def token(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="of tokens, as security.tokens names it")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="whose it is")],
    role: Annotated[Role, typer.Option(help="looks on, or steers, too")] = "viewer",
    days: Annotated[float | None, typer.Option(min=0, help="that it is valid; by default for ever")] = None,
) -> None:
    """Make a token for the admin service. It is printed once, and kept nowhere: FILE gets its sha256."""
    from townlet.launch.keys import token_command

    token_command(file, name, role, days)


@config_app.command("check")
def check(config: ConfigPath, overrides: Overrides = None) -> None:
    """Say whether a configuration is good, and what is wrong if not."""
    from townlet.launch.commands import check_command

    check_command(config, overrides or [])


def main() -> None:
    """Entry point. What a user can mend is one sentence; only our own bugs show a traceback."""
    import sys

    from townlet.errors import TownletError

    try:
        app()
    except TownletError as error:
        print(f"townlet: {error}", file=sys.stderr)  # noqa: T201  # this is the terminal's end
        sys.exit(error.exit_code)
