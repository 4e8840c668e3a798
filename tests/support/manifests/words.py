"""Words, numbers and names of which an API server takes only some, and a schema takes any."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from manifests.objects import label, walk
from manifests.rendering import Object

KINDS = {
    "Namespace": {"v1"},
    "ServiceAccount": {"v1"},
    "ConfigMap": {"v1"},
    "Service": {"v1"},
    "PersistentVolumeClaim": {"v1"},
    "Deployment": {"apps/v1"},
    "StatefulSet": {"apps/v1"},
    "DaemonSet": {"apps/v1"},
    "NetworkPolicy": {"networking.k8s.io/v1"},
    "PodDisruptionBudget": {"policy/v1", "policy/v1beta1"},
    "HorizontalPodAutoscaler": {"autoscaling/v2", "autoscaling/v2beta2"},
    "ScaledObject": {"keda.sh/v1alpha1"},
    "PodMonitor": {"monitoring.coreos.com/v1"},
}

WORDS = {
    "policyTypes": {"Ingress", "Egress"},
    "protocol": {"TCP", "UDP", "SCTP"},
    "accessModes": {"ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod"},
    "podManagementPolicy": {"Parallel", "OrderedReady"},
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "restartPolicy": {"Always"},
    "fsGroupChangePolicy": {"OnRootMismatch", "Always"},
    "whenUnsatisfiable": {"ScheduleAnyway", "DoNotSchedule"},
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
    "operator": {"In", "NotIn", "Exists", "DoesNotExist", "Equal"},
    "internalTrafficPolicy": {"Local", "Cluster"},
    "metricType": {"Value", "AverageValue"},
    "strategy.type": {"RollingUpdate", "Recreate"},
    "seccompProfile.type": {"RuntimeDefault"},
    "target.type": {"Utilization", "AverageValue", "Value"},
    "metrics.type": {"Resource"},
    "triggers.type": {"prometheus"},
    "policies.type": {"Percent", "Pods"},
}

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")


def _port(value: Any) -> bool:
    return 0 < value <= 65535 if isinstance(value, int) else isinstance(value, str) and bool(PORT_NAME.fullmatch(value))


def _some(value: Any) -> bool:
    if isinstance(value, str):
        return bool(re.fullmatch(r"(100|[1-9]?\d)%", value))
    return isinstance(value, int) and value >= 0


NUMBERS: dict[str, Callable[[Any], bool]] = {
    "port": _port,
    "ports.name": _port,
    "targetPort": _port,
    "containerPort": lambda value: isinstance(value, int) and _port(value),
    "weight": lambda value: 1 <= value <= 100,
    "maxUnavailable": _some,
    "maxSurge": _some,
    "minAvailable": _some,
    "replicas": lambda value: value >= 0,
    "periodSeconds": lambda value: value >= 1,
    "timeoutSeconds": lambda value: value >= 1,
    "failureThreshold": lambda value: value >= 1,
    "averageUtilization": lambda value: 1 <= value <= 100,
    "mountPath": lambda value: value.startswith("/") and ":" not in value,
}


def word_faults(objects: Sequence[Object]) -> list[str]:
    """What an API server would refuse though the schema does not."""
    faults = []
    for each in objects:
        where = label(each)
        if each["apiVersion"] not in KINDS.get(each["kind"], set()):
            faults.append(f"{where}: {each['apiVersion']} has no such kind")
        if not NAME.fullmatch(each["metadata"]["name"]):
            faults.append(f"{where}: not a name")
        for path, value in walk({key: value for key, value in each.items() if key != "data"}):
            faults += [f"{where}: {fault}" for fault in _value_faults(path, value)]
    return faults


def _value_faults(path: tuple[str, ...], value: Any) -> list[str]:
    if isinstance(value, list | tuple) or not path:
        return []
    at, short = ".".join(path), ".".join(path[-2:])
    allowed = WORDS.get(short) or WORDS.get(path[-1])
    if allowed is not None and value not in allowed:
        return [f"{at}: expected one of {sorted(allowed)}, found {value!r}"]
    plausible = NUMBERS.get(short) or NUMBERS.get(path[-1])
    if plausible is not None and not isinstance(value, dict) and not plausible(value):
        return [f"{at}: found {value!r}"]
    if path[-1] in ("labels", "matchLabels"):
        return [
            f"{at}: {key}: {text!r} is no label"
            for key, text in value.items()
            if not (LABEL_KEY.fullmatch(key) and isinstance(text, str) and LABEL_VALUE.fullmatch(text))
        ]
    if path[-1] == "annotations":
        return [
            f"{at}: {key}: expected text, found {text!r}" for key, text in value.items() if not isinstance(text, str)
        ]
    return []
