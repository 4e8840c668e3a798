"""A real ring shows every metric that docs, dashboard and alerts speak of, and none besides."""

import json
import re
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from run_process import RunProcess

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())
DASHBOARD = json.loads((ROOT / "deploy/grafana/townlet.json").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
MEMBERS = ("replay-0", "learner", "actor-0", "evaluator")
pytestmark = pytest.mark.timeout(600)
QUICK = (
    "evaluation={goal: null, period_updates: 50, episodes: 4}",
    "checkpoint.period_s=1",
    "actor.report_period_s=0.1",
)
UNITS = ("seconds", "bytes", "steps", "records", "total", "info")
WITHOUT_UNIT = re.compile(  # counts of things, numbers of versions, and figures that have no unit
    "townlet_(version|policy_version|actor_policy_version|policy_lag_versions|members|run_waiting|run_return|"
    "run_greedy_return|learner_(loss|q|gradient_norm|shards_away|ready_requests)|replay_(episodes|limiter_waiting|redis_up))"
)


def scraped(run: RunProcess) -> dict[str, dict]:
    """The metric families that each member shows, by name as exposed."""
    urls = {m: [line["url"] for line in run.log(m) if line["event"] == "shows_metrics"] for m in MEMBERS}
    if not all(urls.values()):
        return {}
    shown = {}
    for member, (url,) in urls.items():
        with urlopen(url, timeout=20) as response:
            families = list(text_string_to_metric_families(response.read().decode()))
        shown[member] = {each.name + ("_total" if each.type == "counter" else ""): each for each in families}
    return shown


def value(shown: dict, of: str, name: str, /, **labels: str) -> float:
    """The sum of a metric's samples with these labels."""
    family = shown.get(of, {}).get(name)
    samples = family.samples if family else []
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    """What every member of a run shows, once all have done all they do."""
    with RunProcess(tmp_path_factory.mktemp("ring"), "L0_minimal.yaml", *QUICK, "metrics.address=127.0.0.1:0") as run:
        seen = {}

        def busy() -> bool:
            seen.update(scraped(run))
            return (
                value(seen, "learner", "townlet_checkpoints_total", outcome="committed") > 0
                and value(seen, "learner", "townlet_run_greedy_survival_steps") > 0
                and "townlet_learner_loss" in seen["learner"]
                and value(seen, "actor-0", "townlet_version") > 0
                and value(seen, "replay-0", "townlet_version") > 0
            )

        run.wait_for("figures of all", busy, 300)
        yield seen


@pytest.fixture
def names(ring) -> set[str]:
    """Of every series of every member."""
    return {sample.name for shown in ring.values() for family in shown.values() for sample in family.samples}


def metrics_of(expression: str) -> set[str]:
    """The names of metrics in an expression."""
    return set(re.findall(r"\b(?:townlet|process)_[a-z0-9_]+\b", re.sub(r'"[^"]*"', "", expression)))


def labels_of(expression: str) -> set[str]:
    """The labels that an expression chooses by, or groups by."""
    grouped = [name for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in names.split(", ")]
    return {*grouped, *re.findall(r'(\w+)(?:=~|!=|=)"', expression)} - {"job", "instance", "le"}


def test_every_name_follows_the_conventions(ring):
    for shown in ring.values():
        for name, family in shown.items():
            if name.startswith("process_"):
                continue
            assert re.fullmatch(r"townlet(_[a-z0-9]+)+", name), name
            assert name.endswith(UNITS) or WITHOUT_UNIT.fullmatch(name), f"{name}: expected a unit at its end"
            assert (family.type == "counter") == name.endswith("_total"), name
            assert family.documentation.endswith("."), name
            assert not {label for sample in family.samples for label in sample.labels} - {
                *("le", "method", "code", "side", "reason", "member", "state", "phase", "outcome", "run", "config")
            }, name


def test_the_figures_of_one_run_agree(ring):
    policy = value(ring, "learner", "townlet_policy_version")
    assert 1 <= value(ring, "actor-0", "townlet_actor_policy_version") <= policy + 5
    held = value(ring, "replay-0", "townlet_replay_records")
    assert 0 < held <= value(ring, "replay-0", "townlet_replay_capacity_records") == 500_000
    for member in MEMBERS:
        assert value(ring, member, "townlet_member_info", run="r", member=member) == 1
        assert value(ring, member, "process_resident_memory_bytes") > 2**20
    assert value(ring, "replay-0", "townlet_replay_redis_up") == 1
    for name in ("append_seconds", "sample_seconds", "sampled_age_seconds", "sampled_age_records"):
        family = ring["replay-0"][f"townlet_replay_{name}"]
        assert family.type == "histogram"
        assert sum(each.value for each in family.samples if each.name.endswith("_count")) > 0, name
    assert value(ring, "learner", "townlet_members", state="present") == 2


def test_the_documentation_speaks_of_every_metric_and_of_no_other(ring):
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*)\|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    told = {name: (kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels in rows}
    assert len(told) == len(rows)
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for shown in ring.values():
        for name, family in shown.items():
            if not name.startswith("process_"):
                labels = {label for sample in family.samples for label in sample.labels} - {"le"}
                found[name] = (family.type, frozenset(labels) | found.get(name, ("", frozenset()))[1])
    assert found == told


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_is_about_metrics_and_labels_that_are_there(names, ring, rule):
    expression = rule["expr"]
    assert metrics_of(expression) <= names | {"up"}
    assert metrics_of(expression) or expression.startswith("up{")
    known = {
        label
        for shown in ring.values()
        for family in shown.values()
        for sample in family.samples
        if sample.name in metrics_of(expression)
        for label in sample.labels
    }
    assert labels_of(expression) <= known


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_shows_metrics_that_are_there(names, panel):
    for target in panel["targets"]:
        assert metrics_of(target["expr"])
        assert metrics_of(target["expr"]) <= names, target["expr"]


def test_the_dashboard_shows_every_metric(names):
    shown = set().union(*(metrics_of(target["expr"]) for panel in PANELS for target in panel["targets"]))
    families = {re.sub("_(bucket|count|sum)$", "", name) for name in names if name.startswith("townlet_")}
    assert {re.sub("_(bucket|count|sum)$", "", name) for name in shown} >= families - {"townlet_member_info"}
