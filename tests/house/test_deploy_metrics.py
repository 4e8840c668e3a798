"""Alert rules, scrape configuration and dashboard are well formed."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())
SCRAPE = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana/townlet.json").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())
]
DURATION = re.compile(r"\d+[smhd]")
COUNTER = re.compile(r"\b\w+(?:_total|_bucket|_count|_sum)\b(?=[{\[])")


def headings(path: Path) -> set[str]:
    """The anchors of a page."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_what_is_wrong_and_where_to_read_on(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch("Townlet[A-Z][A-Za-z]+", rule["alert"])
    assert DURATION.fullmatch(rule.get("for", "1m"))
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"].endswith(".")
    page, _, anchor = rule["annotations"]["description"].rpartition(" ")[2].partition("#")
    assert anchor in headings(ROOT / page)
    assert re.search(r"(>|<|==)\s*[\d.]+", rule["expr"]), "an alert without a bound always fires"


def test_alerts_have_names_of_their_own():
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_sane(expression):
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)
    assert re.sub(r'"[^"]*"', "", expression).count('"') == 0
    for counter in COUNTER.finditer(expression):
        before = expression[: counter.start()]
        assert re.search(r"(rate|increase)\($", before), f"{counter[0]} only makes sense as a rate"
    for window in re.findall(r"\[([^\]]*)\]", expression):
        assert DURATION.fullmatch(window) or window == "$__rate_interval"
    for gauge in re.findall(r"(?:rate|increase)\((\w+)", expression):
        assert re.search("_(total|bucket|count|sum)$", gauge), f"{gauge} is no counter"
    if "histogram_quantile" in expression:
        assert re.search(r"histogram_quantile\(0\.\d+, sum by \([^)]*\ble\b[^)]*\) \(rate\(\w+_bucket", expression)


def test_the_scrape_configuration_finds_rules_and_job():
    for name in SCRAPE["rule_files"]:
        assert (DEPLOY / "prometheus" / name).exists()
    jobs = {job["job_name"] for job in SCRAPE["scrape_configs"]}
    assert {job for expression in EXPRESSIONS for job in re.findall(r'job="(\w+)"', expression)} <= jobs
    targets = [
        target for job in SCRAPE["scrape_configs"] for each in job["static_configs"] for target in each["targets"]
    ]
    assert len(set(targets)) == len(targets)
    assert all(re.fullmatch(r"[^:]+:\d+", target) for target in targets)


def test_the_panels_lie_beside_each_other_and_each_has_a_source():
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${source}"
            assert panel["targets"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {each["name"] for each in DASHBOARD["templating"]["list"]} == {"source", "job"}


@pytest.mark.parametrize("page", ["metrics.md", "troubleshooting.md"])
def test_what_a_page_refers_to_is_there(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / "docs" / page).read_text()):
        name, _, anchor = target.partition("#")
        path = ROOT / "docs" / (name or page)
        assert path.exists(), target
        assert not anchor or anchor in headings(path), target
