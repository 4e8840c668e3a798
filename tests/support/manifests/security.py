"""Do pods have no more rights than they need? What the pod security standard `restricted` asks for, and then some."""

from collections.abc import Sequence

from manifests.objects import WORKLOADS, containers, label, of_kind, pod
from manifests.rendering import Object

OF_PODS = {"automountServiceAccountToken": False, "enableServiceLinks": False}
OF_POD_CONTEXTS = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
OF_CONTAINERS = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
VOLUMES = {"name", "configMap", "secret", "emptyDir", "persistentVolumeClaim"}


def security_faults(objects: Sequence[Object]) -> list[str]:
    """Rights that nobody needs."""
    faults = []
    for each in of_kind(objects, *WORKLOADS):
        specification, context = pod(each), pod(each).get("securityContext", {})
        faults += _missing(label(each), specification, OF_PODS) + _missing(label(each), context, OF_POD_CONTEXTS)
        if not context.get("runAsUser") or not context.get("fsGroup"):
            faults.append(f"{label(each)}: expected a user and a group of its own, found {context}")
        for container in containers(each):
            found = container.get("securityContext", {})
            faults += _missing(f"{label(each)}: container {container['name']}", found, OF_CONTAINERS)
            if found.keys() - OF_CONTAINERS.keys():
                faults.append(f"{label(each)}: unexpected {sorted(found.keys() - OF_CONTAINERS.keys())}")
        faults += [f"{label(each)}: unexpected {key}" for key in specification if key.startswith("host")]
        for volume in specification.get("volumes", []):
            if not volume.keys() <= VOLUMES:
                faults.append(f"{label(each)}: unexpected volume {volume}")
    for account in of_kind(objects, "ServiceAccount"):
        faults += _missing(label(account), account, {"automountServiceAccountToken": False})
    for space in of_kind(objects, "Namespace"):
        if space["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            faults.append(f"{label(space)} lets pods with more rights in")
    return faults


def _missing(where: str, found: Object, expected: Object) -> list[str]:
    return [
        f"{where}: expected {key}: {value}, found {found.get(key)}"
        for key, value in expected.items()
        if found.get(key) != value
    ]
