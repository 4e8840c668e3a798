"""Does everything exist that is referred to?"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from manifests.objects import WORKLOADS, containers, find, label, of_kind, pod
from manifests.rendering import REPOSITORY, Object

SECRET = re.compile(r"kubectl -n townlet create secret generic (\S+)((?:\s*\\\n)?(?:\s+--from-\S+(?:\s*\\\n)?)*)")
KEY = re.compile(r"--from-(?:file|literal)=([^=\s]+)=")


@cache
def documented_secrets() -> dict[str, set[str]]:
    """The keys of each Secret that docs/kubernetes.md has people make."""
    text = (REPOSITORY / "docs" / "kubernetes.md").read_text()
    return {name: set(KEY.findall(options)) for name, options in SECRET.findall(text)}


def reference_faults(objects: Sequence[Object]) -> list[str]:
    """What is named and is not there; what is there twice, or in vain."""
    names = [label(each) for each in objects]
    if twice := {name for name in names if names.count(name) > 1}:
        return [f"{name} is there twice" for name in sorted(twice)]
    faults = [fault for each in of_kind(objects, *WORKLOADS) for fault in _workload_faults(each, objects)]
    for each in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target = each["spec"]["scaleTargetRef"]
        if f"{target.get('kind', 'Deployment')}/{target['name']}" not in names:
            faults.append(f"{label(each)} scales {target}, which does not exist")
    return faults + [
        f"{label(each)} is in the namespace {each['metadata'].get('namespace')}"
        for each in objects
        if each["kind"] != "Namespace" and each["metadata"].get("namespace") != "townlet"
    ]


def _workload_faults(workload: Object, objects: Sequence[Object]) -> list[str]:
    there: dict[str, set[str] | None] = dict.fromkeys(label(each) for each in objects)
    there |= {f"Secret/{name}": keys for name, keys in documented_secrets().items()}
    faults = _volume_faults(workload)
    for name, keys in _of_pods(workload):
        if name not in there:
            faults.append(f"{label(workload)} refers to {name}, which does not exist")
        elif keys and not keys <= _keys(objects, name, there):
            found = sorted(_keys(objects, name, there))
            faults.append(f"{label(workload)} takes {sorted(keys)} of {name}, which has {found}")
    if workload["kind"] == "StatefulSet":
        name = workload["spec"]["serviceName"]
        if f"Service/{name}" not in there:
            faults.append(f"{label(workload)} refers to Service/{name}, which does not exist")
        elif find(objects, name, "Service")["spec"].get("clusterIP") != "None":
            faults.append(f"{label(workload)} wants a headless service, and Service/{name} is none")
    return faults


def _of_pods(workload: Object) -> Iterator[tuple[str, set[str] | None]]:
    """What the pods of a workload refer to, with the keys they take."""
    yield f"ServiceAccount/{pod(workload)['serviceAccountName']}", None
    for volume in pod(workload).get("volumes", []):
        match volume:
            case {"configMap": source}:
                yield f"ConfigMap/{source['name']}", {item["key"] for item in source.get("items", [])}
            case {"secret": source}:
                yield f"Secret/{source['secretName']}", {item["key"] for item in source.get("items", [])}
            case {"persistentVolumeClaim": source}:
                yield f"PersistentVolumeClaim/{source['claimName']}", None
    for container in containers(workload):
        sources = [*container.get("envFrom", []), *(each.get("valueFrom", {}) for each in container.get("env", []))]
        for source in sources:
            for kind, key in (("ConfigMap", "configMap"), ("Secret", "secret")):
                for reference in (source.get(f"{key}Ref"), source.get(f"{key}KeyRef")):
                    if reference:
                        yield f"{kind}/{reference['name']}", {reference["key"]} if "key" in reference else None


def _keys(objects: Sequence[Object], name: str, there: dict[str, set[str] | None]) -> set[str]:
    kind, _, plain = name.partition("/")
    known = there[name]
    return known if known is not None else set(find(objects, plain, kind).get("data", {}))


def _volume_faults(workload: Object) -> list[str]:
    volumes = [volume["name"] for volume in pod(workload).get("volumes", [])]
    volumes += [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])]
    mounts = [mount for container in containers(workload) for mount in container.get("volumeMounts", [])]
    mounted = {mount["name"] for mount in mounts}
    faults = [f"{label(workload)} mounts {name}, which is no volume" for name in sorted(mounted - set(volumes))]
    faults += [
        f"{label(workload)} has the volume {name}, which nobody mounts" for name in sorted(set(volumes) - mounted)
    ]
    faults += [f"{label(workload)} has the volume {name} twice" for name in volumes if volumes.count(name) > 1]
    for container in containers(workload):
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
        faults += [f"{label(workload)} mounts twice at {path}" for path in paths if paths.count(path) > 1]
    return faults
