"""How containers begin, are watched, and end."""

from collections.abc import Sequence

from manifests.objects import WORKLOADS, containers, find, label, of_kind, pod
from manifests.rendering import Object

from townlet.health import LISTENS

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
HEALTH = ["python", "-m", "townlet.health", "/etc/townlet/config.yaml"]
CUT_LIMIT_S = 8
"""How long the learner, when it leaves, waits for everybody to stand still."""
TO_LEAVE_S = 15
"""What is left at least of the grace period when preStop is over."""


def life_faults(objects: Sequence[Object]) -> list[str]:
    """Probes that mean the same, or depend on others; ends that are not graceful."""
    faults = []
    for workload in of_kind(objects, *WORKLOADS):
        for container in containers(workload):
            faults += [
                f"{label(workload)}: {fault}" for fault in _probe_faults(container) + _end_faults(workload, container)
            ]
    return faults + _order_faults(objects)


def pre_stop_s(container: Object) -> int:
    """How long a container goes on when it is told to stop."""
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert command[0] == "sleep", command
    return int(command[1])


def _probe_faults(container: Object) -> list[str]:
    missing = [f"no {name}" for name in PROBES if "exec" not in container.get(name, {})]
    if missing:
        return missing
    startup, live, ready = (container[name]["exec"]["command"] for name in PROBES)
    faults = []
    if live == ready:
        faults.append("liveness and readiness ask the same")
    if container["name"] == "redis":
        return faults if "LOADING" in " ".join(live) else [*faults, "liveness fails while Redis reads its file"]
    role = "replay" if container["args"][0] == "replay_service" else container["args"][0]
    if role not in LISTENS:
        faults.append(f"townlet.health does not know {role}")
    faults += [
        f"{name} asks {' '.join(command)}, expected {' '.join(expected)}"
        for name, command, expected in (
            ("startupProbe", startup, [*HEALTH, role, "--live"]),
            ("livenessProbe", live, [*HEALTH, role, "--live"]),
            ("readinessProbe", ready, [*HEALTH, role]),
        )
        if command != expected
    ]
    for name in PROBES:
        if container[name].get("timeoutSeconds", 1) < 5:
            faults.append(f"{name}: expected at least 5 s for a command that starts a Python")
    if container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] < 120:
        faults.append("startupProbe: expected at least 120 s to begin")
    return faults


def _end_faults(workload: Object, container: Object) -> list[str]:
    grace_s = pod(workload).get("terminationGracePeriodSeconds", 30)
    left_s = grace_s - pre_stop_s(container)
    return [] if left_s >= TO_LEAVE_S else [f"{left_s} s are left to end, expected at least {TO_LEAVE_S} s"]


def _order_faults(objects: Sequence[Object]) -> list[str]:
    """When everything is taken down at once, Redis outlives the shards, and both the learner's last version."""
    stops_s = {each["metadata"]["name"]: pre_stop_s(containers(each)[0]) for each in of_kind(objects, *WORKLOADS)}
    faults = []
    if stops_s["learner"] != 0:
        faults.append("the learner waits before it makes its last version")
    if not CUT_LIMIT_S < stops_s["replay"] < stops_s["redis"]:
        faults.append(f"expected the shards to outlive the last cut, and Redis the shards, found {stops_s}")
    for name in ("replay", "actor", "learner"):
        workload = find(objects, name, *WORKLOADS)
        together = workload["spec"].get("podManagementPolicy") == "Parallel"
        if workload["kind"] == "StatefulSet" and name != "learner" and not together:
            faults.append(f"{label(workload)}: its pods would wait for each other to be ready: expected Parallel")
    return faults + [
        f"Service/{name} hides who is being restored from the one who restores it"
        for name in ("replay", "learner")
        if not find(objects, name, "Service")["spec"].get("publishNotReadyAddresses")
    ]
