"""Finding one's way in manifests."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manifests.rendering import Object

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
COMPONENT = "app.kubernetes.io/component"


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """The objects of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def label(each: Object) -> str:
    """An object, for messages."""
    return f"{each['kind']}/{each['metadata']['name']}"


def find(objects: Sequence[Object], name: str, *kinds: str) -> Object:
    """The one object of this name, of one of these kinds."""
    [found] = [each for each in of_kind(objects, *kinds) if each["metadata"]["name"] == name]
    return found


def pod(workload: Object) -> Object:
    """The specification of a workload's pods."""
    specification: Object = workload["spec"]["template"]["spec"]
    return specification


def pod_labels(workload: Object) -> dict[str, str]:
    """The labels of a workload's pods."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def containers(workload: Object) -> list[Object]:
    """All of them, those that prepare the pod too."""
    return [*pod(workload)["containers"], *pod(workload).get("initContainers", [])]


def walk(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value in a tree, with its path; a list's items have their list's path."""
    yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from walk(inner, (*path, str(key)))
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, path)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector (of sets, or a service's plain one) selects who has these labels."""
    if not selector.keys() <= {"matchLabels", "matchExpressions"}:
        selector = {"matchLabels": selector}
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions", [])
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    found = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return found in expression["values"]
        case "NotIn":
            return found not in expression["values"]
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
    raise AssertionError(expression)
