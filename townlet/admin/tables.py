"""What `townlet admin` shows to people."""

from rich.box import SIMPLE
from rich.table import Column, Table
from rich.text import Text

from protos import admin_pb2 as pb
from townlet.admin.values import to_values
from townlet.launch.figures import big, clock


def status_table(status: pb.StatusResponse) -> Table:
    """One line a figure."""
    table = Table.grid(padding=(0, 2))
    for name, value in _figures(status).items():
        table.add_row(Text(name, style="dim"), value)
    return table


def status_line(status: pb.StatusResponse) -> str:
    """The most of it in one line."""
    rates = f"{big(status.environment_steps_per_s)} steps/s, {big(status.updates_per_s)} updates/s"
    return f"{clock(status.training_s)}  {_doing(status)}  {big(status.updates)} updates  {rates}"


def versions_table(answer: pb.ListVersionsResponse, newest: int) -> Table:
    """One line a version. newest: of a run that is on, the one that it stands on."""
    names = ("version", "made at (UTC)", "updates", "episodes", "own", "shared")
    table = Table(*(Column(name, no_wrap=True) for name in names), "", box=SIMPLE, padding=(0, 1, 0, 0))
    for version in answer.versions:
        counters = [big(version.counters.get(name, 0)) for name in ("updates", "episodes")]
        sizes = [_size(size) for size in (version.own_bytes, version.segment_bytes)]
        made_at = version.created_at.partition("+")[0].replace("T", " ")
        row = ["-"] * 5 if version.unreadable else [made_at, *counters, *sizes]
        table.add_row(str(version.version), *row, "; ".join(_marks(version, newest)))
    return table


def version_table(answer: pb.ShowVersionResponse) -> Table:
    """Everything of one version but the names of its files."""
    summary = answer.summary
    table = Table.grid(padding=(0, 2))
    figures = {
        "version": str(summary.version),
        "run": answer.run,
        "made at": summary.created_at,
        "": "; ".join(_marks(summary, newest=0)),
        "grew from": str(summary.parent or "-"),
        "schedule": answer.schedule,
        "configuration": answer.config_digest,
        "record layout": answer.layout_digest,
        **{name: str(value) for name, value in sorted(summary.counters.items())},
        **{f"set: {value.key}": _number(value.HasField("value"), value.value) for value in answer.set_values},
    }
    for member in answer.members:
        files = [file for file in answer.files if file.component == member]
        figures[f"files of {member}"] = f"{len(files)}, {_size(sum(file.size for file in files))}"
    for name, figure in figures.items():
        table.add_row(Text(name, style="dim"), figure)
    return table


def members_table(answer: pb.ListMembersResponse) -> Table:
    """One line a member."""
    names = ("member", "role", "state", "lanes", "steps", "steps/s", "policy", "lag")
    table = Table(*(Column(name, no_wrap=True) for name in names), "silent", box=SIMPLE, padding=(0, 1, 0, 0))
    for member in answer.members:
        table.add_row(
            member.name,
            member.role,
            str(to_values(member)["state"]),
            str(member.lanes or "-"),
            big(member.environment_steps),
            big(member.environment_steps_per_s),
            str(member.policy_version),
            str(member.policy_lag),
            f"{member.silence_s:.1f} s" if member.HasField("silence_s") else "since the learner started",
        )
    return table


def set_line(answer: pb.SetResponse) -> str:
    """learner.learning_rate: 0.001 (was 0.00025; configured 0.00025)"""
    now, before = answer.now, answer.before
    was = _number(before.HasField("value"), before.value)
    configured = _number(now.HasField("configured"), now.configured)
    return f"{now.key}: {_number(now.HasField('value'), now.value)} (was {was}; configured {configured})"


def progress_line(done: pb.VersionProgress, verb: str) -> str:
    """verified actor-0: 12 MB of 40 MB"""
    return f"{verb} {done.component}: {_size(done.bytes_done)} of {_size(done.bytes_total)}"


def _figures(status: pb.StatusResponse) -> dict[str, str]:
    figures = {
        "run": status.run,
        "": _doing(status),
        "training for": clock(status.training_s),
        "environment": f"{big(status.environment_steps)} steps ({big(status.environment_steps_per_s)}/s)",
        "updates": f"{big(status.updates)} ({big(status.updates_per_s)}/s)",
        "episodes": big(status.episodes),
        "survival": f"{status.mean_survival:.4g}" if status.HasField("mean_survival") else "-",
        "return": f"{status.mean_return:.4g}" if status.HasField("mean_return") else "-",
        "loss": f"{status.loss:.4f}" if status.HasField("loss") else "-",
        "epsilon": f"{status.epsilon_min:.3g} to {status.epsilon_max:.3g}",
        "replay": f"{big(status.replay_records)} of {big(status.replay_capacity)} records",
        "actors": str(status.actors),
        "policy": f"{status.policy_version} (lag {status.policy_lag_mean:.1f}, at most {status.policy_lag_max})",
        "newest version": str(status.newest_version or "-"),
        "went on from": str(status.resumed_version or "-"),
    }
    if status.evaluations:
        last = status.evaluations[-1]
        figures["greedy"] = (
            f"survival {last.mean_survival:.4g}, return {last.mean_return:.4g}, at {last.updates} updates"
        )
    if status.HasField("curiosity"):
        figures["intrinsic weight"] = f"{status.curiosity.intrinsic_weight:.3g}"
    for value in status.set_values:
        configured = _number(value.HasField("configured"), value.configured)
        figures[f"set: {value.key}"] = f"{_number(value.HasField('value'), value.value)} (configured {configured})"
    return figures


def _doing(status: pb.StatusResponse) -> str:
    if status.finished:
        return "stops"
    if status.paused:
        return "paused (`townlet admin resume` lets it go on)"
    return f"waits: {status.waiting}" if status.waiting else "trains"


def _marks(version: pb.VersionSummary, newest: int) -> list[str]:
    marks = {
        **{f"{name} {value:.4g}": True for name, value in sorted(version.metrics.items())},
        "pinned": version.pinned,
        "newest": version.version == newest,
        f"restores {version.restores}": version.restores,
        f"branch of {version.origin_run} at {version.origin_version}": version.origin_run,
        f"cannot be read: {version.unreadable}": version.unreadable,
    }
    return [mark for mark, holds in marks.items() if holds]


def _size(count: int) -> str:
    return f"{big(count)}B" if count >= 1000 else f"{count} B"


def _number(there: bool, value: float) -> str:
    return f"{value:g}" if there else "null"
