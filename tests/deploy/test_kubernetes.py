"""What kustomize makes of deploy/kubernetes would be taken by an API server, fits together, and fits the program."""

import re

import pytest
from manifests.checks import CHECKS
from manifests.life import pre_stop_s
from manifests.objects import containers, find, label, of_kind, pod
from manifests.program import config_of
from manifests.rendering import COMPONENTS, OVERLAYS, REPOSITORY, ROOT, as_written, kustomization, rendered, renderer

needs_kustomize = pytest.mark.skipif(renderer() is None, reason="neither kustomize nor kubectl is installed")
FOLDERS = ("base", *(f"overlays/{name}" for name in OVERLAYS))


@pytest.fixture(scope="module")
def render():
    """Renders a folder, once."""
    done = {}
    return lambda folder: (
        done.setdefault(folder, None) or done.update({folder: rendered(ROOT / folder)}) or done[folder]
    )


@pytest.mark.parametrize("check", CHECKS)
def test_the_files_as_they_stand_pass_every_check(check):
    assert CHECKS[check](as_written("relay", "object-store", "monitors")) == []


@needs_kustomize
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_is_rendered_passes_every_check(render, folder, check):
    assert CHECKS[check](render(folder)) == []


def test_every_component_is_part_of_an_overlay():
    used = {part for name in OVERLAYS for part in kustomization(ROOT / "overlays" / name)["components"]}
    assert used == {f"../../components/{name}" for name in COMPONENTS}


@needs_kustomize
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_changed_configuration_starts_every_pod_of_ours_anew(render, folder):
    for each in of_kind(render(folder), "Deployment", "StatefulSet", "DaemonSet"):
        names = [volume["configMap"]["name"] for volume in pod(each)["volumes"] if "configMap" in volume]
        names += [
            source["configMapRef"]["name"]
            for source in containers(each)[0].get("envFrom", [])
            if "configMapRef" in source
        ]
        assert names
        assert all(name.rpartition("-")[2].isalnum() and len(name.rpartition("-")[2]) == 10 for name in names), label(
            each
        )


@needs_kustomize
def test_an_old_api_server_is_asked_for_nothing_that_it_does_not_know(render):
    objects = render("overlays/old-api-server")
    versions = {(each["kind"], each["apiVersion"]) for each in objects}
    assert ("PodDisruptionBudget", "policy/v1beta1") in versions
    assert ("HorizontalPodAutoscaler", "autoscaling/v2beta2") in versions
    assert not {"policy/v1", "autoscaling/v2"} & {version for _, version in versions}
    young = (
        "'grpc':",
        "internalTrafficPolicy",
        "persistentVolumeClaimRetentionPolicy",
        "unhealthyPodEvictionPolicy",
        "endPort",
    )
    assert not [word for word in young if word in str(objects)]


@needs_kustomize
def test_who_holds_state_never_runs_on_spot_nodes_and_actors_prefer_them(render):
    objects = render("overlays/spot")
    for name in ("learner", "replay", "redis"):
        affinity = pod(find(objects, name, "StatefulSet"))["affinity"]["nodeAffinity"]
        [term] = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert {each["operator"] for each in term["matchExpressions"]} == {"NotIn"}
        assert "tolerations" not in pod(find(objects, name, "StatefulSet"))
    actor = find(objects, "actor", "Deployment")
    preferred = pod(actor)["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    avoided = {(each["key"], *each["values"]) for each in term["matchExpressions"]}
    assert {
        (each["key"], *each["values"]) for one in preferred for each in one["preference"]["matchExpressions"]
    } == avoided
    assert pod(actor)["tolerations"]
    assert pre_stop_s(containers(actor)[0]) + pod(actor)["terminationGracePeriodSeconds"] <= 25, "the notice is 30 s"


@needs_kustomize
def test_shards_keep_their_affinity_for_nodes_of_their_own_on_spot_clusters(render):
    replay = find(render("overlays/spot"), "replay", "StatefulSet")
    assert pod(replay)["affinity"].keys() == {"nodeAffinity", "podAntiAffinity"}


@needs_kustomize
def test_the_learner_gets_a_gpu_and_uses_it(render):
    objects = render("overlays/gpu")
    [container] = containers(find(objects, "learner", "StatefulSet"))
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["image"] == "townlet-learner-cuda:latest"


@needs_kustomize
def test_with_locked_doors_each_service_has_a_certificate_of_its_own(render):
    objects = render("overlays/production")
    secrets = {
        each["metadata"]["name"]: [v["secret"]["secretName"] for v in pod(each)["volumes"] if v["name"] == "tls"]
        for each in of_kind(objects, "Deployment", "StatefulSet", "DaemonSet")
    }
    assert secrets == {
        "redis": ["tls-redis"],
        "learner": ["tls-learner"],
        "replay": ["tls-replay"],
        "actor": ["tls-actor"],
        "evaluator": ["tls-actor"],
        "relay": ["tls-relay"],
    }


@needs_kustomize
@pytest.mark.parametrize("folder", ["overlays/secured", "overlays/production"])
def test_the_documented_certificates_are_for_the_hosts_that_are_dialled(render, folder):
    config = config_of(render(folder))
    text = (REPOSITORY / "docs" / "kubernetes.md").read_text()
    [line] = re.findall(r"townlet certificates \. (learner .*)", text)
    names = dict(word.partition("=")[::2] for word in line.split())
    hosts = {host for name, given in names.items() for host in (given or name).split(",")}
    dialled = {config.learner.address, *config.replay.addresses, config.actor.policies_from or "learner:0"}
    assert {address.partition(":")[0] for address in dialled} | {"redis"} <= hosts
    assert (config.replay.redis_url or "").startswith("rediss://")
