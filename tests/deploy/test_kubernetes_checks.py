"""Each check of the manifests sees what it is there for: every way to break them here is noticed, by its own check."""

import copy

import pytest
from manifests.breakages import BREAKAGES
from manifests.checks import CHECKS
from manifests.objects import find
from manifests.quantities import parse
from manifests.rendering import as_written
from manifests.schema import schema_faults

CASES = [(check, name) for check, breakages in BREAKAGES.items() for name in breakages]


@pytest.fixture(scope="module")
def good():
    """Objects that pass every check."""
    return as_written("relay", "object-store", "monitors")


@pytest.mark.parametrize(("check", "name"), CASES, ids=[f"{check}: {name}" for check, name in CASES])
def test_a_broken_manifest_is_noticed(good, check, name):
    objects = copy.deepcopy(good)
    BREAKAGES[check][name](objects)
    assert objects != good
    assert CHECKS[check](objects)


@pytest.mark.parametrize("component", ["keda", "cpu"])
class TestAScaler:
    @pytest.fixture
    def objects(self, component):
        objects = as_written(component)
        del find(objects, "actor", "Deployment")["spec"]["replicas"]  # as the component's patch does
        return objects

    @pytest.fixture
    def scaler(self, objects, component):
        return find(objects, "actor", "ScaledObject" if component == "keda" else "HorizontalPodAutoscaler")

    def test_passes_every_check(self, objects, component):
        assert {name: check(objects) for name, check in CHECKS.items()} == {name: [] for name in CHECKS}

    def test_of_nobody_is_noticed(self, objects, scaler, component):
        scaler["spec"]["scaleTargetRef"]["name"] = "actors"
        assert CHECKS["references"](objects)

    def test_of_another_kind_is_noticed(self, objects, scaler, component):
        scaler["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"
        assert CHECKS["references"](objects)

    def test_with_nothing_between_its_bounds_is_noticed(self, objects, scaler, component):
        scaler["spec"]["minReplicas" if component == "cpu" else "minReplicaCount"] = 99
        assert CHECKS["scaling"](objects)

    def test_of_replicas_that_are_set_as_well_is_noticed(self, objects, component):
        find(objects, "actor", "Deployment")["spec"]["replicas"] = 4
        assert CHECKS["configuration"](objects)

    def test_with_an_unknown_policy_is_noticed(self, objects, scaler, component):
        behavior = (
            scaler["spec"].get("behavior") or scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        )
        behavior["scaleDown"]["policies"][0]["type"] = "Share"
        assert CHECKS["words"](objects)


class TestTheMetricThatActorsScaleOn:
    def test_is_one_that_is_measured(self):
        objects = as_written("keda")
        trigger = find(objects, "actor", "ScaledObject")["spec"]["triggers"][0]["metadata"]
        trigger["query"] = "avg(rate(townlet_learner_boredom_seconds_total[2m]))"
        assert CHECKS["scaling"](objects)

    def test_is_asked_for_with_fields_that_keda_knows(self):
        objects = as_written("keda")
        find(objects, "actor", "ScaledObject")["spec"]["triggers"][0]["metadata"]["treshold"] = "0.1"
        assert schema_faults(objects)


@pytest.mark.parametrize(
    ("text", "value"),
    [("100m", "0.1"), ("1Gi", str(2**30)), ("1.5G", "1500000000"), ("2e3", "2000"), (2, "2"), (".5", "0.5")],
)
def test_a_quantity_is_read_as_the_api_server_reads_it(text, value):
    assert str(parse(text).normalize()) == str(parse(value).normalize())


@pytest.mark.parametrize("text", ["1 Gi", "1GB", "1KiB", "Gi", "", "0x10", "1,5", True, "1e", "1ki"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="is no quantity"):
        parse(text)


def test_every_check_has_been_seen_to_notice_something():
    assert BREAKAGES.keys() | {"scaling"} == CHECKS.keys(), "scaling is tested beside the scalers"
