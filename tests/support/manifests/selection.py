"""Does what is meant to select something select just that?"""

from collections.abc import Sequence

from manifests.objects import WORKLOADS, label, of_kind, pod, pod_labels, selects, walk
from manifests.rendering import Object

OUTSIDERS = ({"app.kubernetes.io/component": "admin"},)
"""Pods that a policy knows and no manifest here makes."""


def selection_faults(objects: Sequence[Object]) -> list[str]:
    """What selects nothing, or too much."""
    workloads = of_kind(objects, *WORKLOADS)
    faults = [fault for each in workloads for fault in _of_workload(each)]
    faults += [
        f"{label(one)} selects the pods of {label(other)}"
        for one in workloads
        for other in workloads
        if one is not other and selects(one["spec"]["selector"], pod_labels(other))
    ]
    for each in of_kind(objects, "Service", "PodDisruptionBudget", "PodMonitor"):
        count = sum(selects(each["spec"]["selector"], pod_labels(workload)) for workload in workloads)
        if not each["spec"]["selector"] or count == 0:
            faults.append(f"{label(each)} selects no pods")
        elif count > 1 and each["kind"] != "PodMonitor":
            faults.append(f"{label(each)} selects the pods of {count} workloads, expected one")
    everybody = [pod_labels(workload) for workload in workloads] + list(OUTSIDERS)
    for each in of_kind(objects, "NetworkPolicy"):
        for selector in _pod_selectors(each):
            if selector and not any(selects(selector, labels) for labels in everybody):
                faults.append(f"{label(each)} selects no pods: {selector}")
    return faults


def _of_workload(workload: Object) -> list[str]:
    labels, faults = pod_labels(workload), []
    if not selects(workload["spec"]["selector"], labels):
        faults.append(f"{label(workload)} does not select its own pods")
    for path, value in walk(pod(workload)):
        if path and path[-1] == "labelSelector" and not selects(value, labels):
            faults.append(f"{label(workload)}: {'.'.join(path)} does not select its own pods")
    return faults


def _pod_selectors(policy: Object) -> list[Object]:
    """Those that mean pods of this namespace."""
    peers = [
        peer
        for side, key in (("ingress", "from"), ("egress", "to"))
        for rule in policy["spec"].get(side, [])
        for peer in rule.get(key, [])
    ]
    inner = [peer["podSelector"] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer]
    return [policy["spec"]["podSelector"], *inner]
