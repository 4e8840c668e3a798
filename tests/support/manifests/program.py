"""Do the manifests and the program agree? Configuration, modules, images, and metrics that are asked for."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from manifests.objects import WORKLOADS, containers, find, label, of_kind, pod, walk
from manifests.ports import port_of
from manifests.references import documented_secrets
from manifests.rendering import COMPONENTS, REPOSITORY, ROOT, Object, kustomization

from townlet.config import Config
from townlet.config_file import ENVIRONMENT_PREFIX, load_config
from townlet.errors import ConfigError
from townlet.schedule import LockstepSettings

CONFIGS_IN_IMAGES = "/opt/townlet/configs"
OF_OTHERS = {"AWS_DEFAULT_REGION", "AWS_MAX_ATTEMPTS", "AWS_ENDPOINT_URL"}
"""Variables that are not Townlet's, and that it passes on."""
METRIC = re.compile(r"\btownlet_[a-z0-9_]+")
EVERYWHERE = "0.0.0.0"


def config_map(objects: Sequence[Object], name: str) -> dict[str, str]:
    """A ConfigMap's data, by its name without the digest."""
    [found] = [
        each["data"]
        for each in of_kind(objects, "ConfigMap")
        if re.fullmatch(name + r"(-[a-z0-9]{10})?", each["metadata"]["name"])
    ]
    data: dict[str, str] = found
    return data


def config_of(objects: Sequence[Object]) -> Config:
    """The configuration as the program reads it in a container. Raises ConfigError."""
    text = config_map(objects, "config")["config.yaml"].replace(CONFIGS_IN_IMAGES, str(REPOSITORY / "configs"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(text)
        return load_config(path, environment=config_map(objects, "overrides"))


def config_faults(objects: Sequence[Object]) -> list[str]:
    """Keys that the program does not know, and addresses where nobody is."""
    overrides = config_map(objects, "overrides")
    unknown = [name for name in overrides if not name.startswith(ENVIRONMENT_PREFIX) and name not in OF_OTHERS]
    faults = [f"ConfigMap/overrides: {name} is no variable of the program" for name in unknown]
    try:
        config = config_of(objects)
    except ConfigError as error:
        return [*faults, str(error)]
    fitting = (_address_faults, _schedule_faults, _file_faults)
    return faults + [fault for check in fitting for fault in check(objects, config)]


def _address_faults(objects: Sequence[Object], config: Config) -> list[str]:
    learner, replay = find(objects, "learner", "StatefulSet"), find(objects, "replay", "StatefulSet")
    port = port_of(replay, "grpc")
    shards = tuple(f"replay-{index}.replay:{port}" for index in range(replay["spec"]["replicas"]))
    pairs: list[tuple[str, object, object]] = [
        ("replay.addresses", config.replay.addresses, shards),
        ("replay.listen", config.replay.listen, f"{EVERYWHERE}:{port}"),
        (
            "replay.redis_url",
            re.sub(r"^rediss://townlet@", "redis://", config.replay.redis_url or ""),
            f"redis://redis:{port_of(find(objects, 'redis', 'StatefulSet'), 'redis')}",
        ),
        ("learner.address", config.learner.address, f"learner:{port_of(learner, 'grpc')}"),
        ("learner.listen", config.learner.listen, f"{EVERYWHERE}:{port_of(learner, 'grpc')}"),
        ("evaluation.goal", config.evaluation.goal, None),
    ]
    for each in of_kind(objects, *WORKLOADS):
        if each["metadata"]["name"] != "redis":
            expected = f"{EVERYWHERE}:{port_of(each, 'metrics')}"
            pairs.append((f"metrics.address (as of {label(each)})", config.metrics.address, expected))
    if config.actor.policies_from is not None:
        port = port_of(find(objects, "relay", "DaemonSet"), "grpc")
        pairs.append(("actor.policies_from", config.actor.policies_from, f"relay:{port}"))
        pairs.append(("relay.address", config.relay.address, f"{EVERYWHERE}:{port}"))
    if config.actor.health is None or not config.actor.health.startswith("127.0.0.1:"):
        pairs.append(("actor.health", config.actor.health, "an address of loopback, where the probes ask"))
    return [f"{key}: expected {expected}, found {found}" for key, found, expected in pairs if found != expected]


def _schedule_faults(objects: Sequence[Object], config: Config) -> list[str]:
    actor = find(objects, "actor", *WORKLOADS)
    scaled = of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    if isinstance(config.schedule, LockstepSettings):
        expected = {"kind": "StatefulSet", "replicas": config.actor.count, "numbered": True, "scaled": False}
    else:
        count = actor["spec"].get("replicas") if scaled else config.actor.count
        expected = {
            "kind": "Deployment",
            "replicas": None if scaled else count,
            "numbered": False,
            "scaled": bool(scaled),
        }
    found = {
        "kind": actor["kind"],
        "replicas": actor["spec"].get("replicas"),
        "numbered": containers(actor)[0]["args"][-2:] == ["--index", "hostname"],
        "scaled": bool(scaled),
    }
    return [f"actors: expected {expected}, found {found}"] if found != expected else []


def _file_faults(objects: Sequence[Object], config: Config) -> list[str]:
    """Folders that the program writes to or reads from, and that nobody mounts."""
    names = {
        "learner": [config.run.root, config.checkpoint.root],
        "replay": [config.checkpoint.root],
        "actor": [config.checkpoint.root],
    }
    faults = []
    for name, paths in names.items():
        mounts = [mount["mountPath"] for mount in containers(find(objects, name, *WORKLOADS))[0]["volumeMounts"]]
        faults += [
            f"{name} writes to {path}, which is no volume"
            for path in paths
            if "://" not in str(path) and not any(Path(str(path)).is_relative_to(mount) for mount in mounts)
        ]
    return faults


def secret_faults(objects: Sequence[Object]) -> list[str]:
    """Files of secrets that the configuration names, and that no Secret holds at that place."""
    config = config_of(objects)
    tls = [] if config.security.tls is None else list(config.security.tls.model_dump().values())
    wanted = {name: list(tls) for name in ("learner", "replay", "actor", "evaluator", "relay")}
    wanted["learner"] += [config.security.tokens]
    wanted["replay"] += [config.replay.redis_password_file, config.replay.redis_ca]
    return [
        f"{label(each)}: expected {path} to be the key of a Secret"
        for each in of_kind(objects, *WORKLOADS)
        for path in wanted.get(each["metadata"]["name"], [])
        if path is not None and not _holds_secret(each, path)
    ]


def _holds_secret(workload: Object, path: Path) -> bool:
    mounts = {Path(mount["mountPath"]): mount["name"] for mount in containers(workload)[0]["volumeMounts"]}
    volumes = {volume["name"]: volume.get("secret") for volume in pod(workload)["volumes"]}
    secret = volumes.get(mounts.get(path.parent, ""))
    if secret is None:
        return False
    keys = {item["path"] for item in secret.get("items", [])} or documented_secrets().get(secret["secretName"], set())
    return path.name in keys


def image_faults(objects: Sequence[Object]) -> list[str]:
    """Images that are not built, and programs that are not in them."""
    folders = [ROOT / "base", *(ROOT / "components" / name for name in COMPONENTS)]
    images = [image for folder in folders for image in kustomization(folder).get("images", [])]
    listed = {image.get("newName", image["name"]) for image in images}
    faults = []
    for each in of_kind(objects, *WORKLOADS):
        for container in containers(each):
            name = container["image"].partition(":")[0]
            if name not in listed:
                faults.append(f"{label(each)}: nobody says where the image {name} is")
            program = container["args"][0]
            if name != "redis" and not (REPOSITORY / program / "__main__.py").is_file():
                faults.append(f"{label(each)}: there is no program {program}")
    return faults


def scaling_faults(objects: Sequence[Object]) -> list[str]:
    """Scalers that ask for what is not measured, or can do nothing."""
    faults = []
    for each in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        bounds = (
            each["spec"].get("minReplicas") or each["spec"].get("minReplicaCount"),
            each["spec"].get("maxReplicas") or each["spec"].get("maxReplicaCount"),
        )
        if not 0 < (bounds[0] or 0) < (bounds[1] or 0):
            faults.append(f"{label(each)}: expected at least one, and more at most, found {bounds}")
        queries = [str(value) for path, value in walk(each["spec"]) if path[-1:] == ("query",)]
        unknown = {name for query in queries for name in METRIC.findall(query)} - documented_metrics()
        faults += [f"{label(each)} asks for {name}, which nobody measures" for name in sorted(unknown)]
        if each["kind"] == "ScaledObject" and not any(METRIC.search(query) for query in queries):
            faults.append(f"{label(each)} asks for no metric of ours")
    return faults


def documented_metrics() -> set[str]:
    """The metrics of docs/metrics.md, which its own test compares with those that the services show."""
    names = set(METRIC.findall((REPOSITORY / "docs" / "metrics.md").read_text()))
    return names | {f"{name}{suffix}" for name in names for suffix in ("_bucket", "_count", "_sum")}
