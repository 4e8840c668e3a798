"""Ways to break manifests that pass every check, by the check that has to notice: `BREAKAGES[check][name](objects)`."""

import copy

from manifests.objects import containers, find, pod


def workload(name):
    """Finds a workload."""
    return lambda objects: find(objects, name, "Deployment", "StatefulSet", "DaemonSet")


def container(name):
    """Finds the container of a workload."""
    return lambda objects: containers(workload(name)(objects))[0]


def named(kind, name):
    """Finds an object."""
    return lambda objects: find(objects, name, kind)


def at(found, *path):
    """Follows a path from what is found."""

    def follow(objects):
        value = found(objects)
        for part in path:
            value = value[part]
        return value

    return follow


def put(found, key, value):
    """Breaks by setting a value."""
    return lambda objects: found(objects).__setitem__(key, value)


def drop(found, key):
    """Breaks by taking something away."""
    return lambda objects: found(objects).pop(key)


def without(kind, name):
    """Breaks by leaving an object out."""
    return lambda objects: objects.remove(find(objects, name, kind))


def config(old, new):
    """Breaks the text of the configuration."""

    def change(objects):
        data = find(objects, "config", "ConfigMap")["data"]
        assert old in data["config.yaml"]
        data["config.yaml"] = data["config.yaml"].replace(old, new)

    return change


def rule(policy, side, index=0):
    """Finds a rule of a network policy."""
    return at(named("NetworkPolicy", policy), "spec", side, index)


COMPONENT = "app.kubernetes.io/component"
NAMES = {"app.kubernetes.io/name": "townlet"}
HEALTH = ["python", "-m", "townlet.health", "/etc/townlet/config.yaml"]
ANYWHERE = {"to": [{"podSelector": {}}]}

BREAKAGES = {
    "schema": {
        "an unknown field": put(at(workload("actor"), "spec"), "replica", 3),
        "a misspelled probe": put(container("replay"), "readynessProbe", {"exec": {"command": ["true"]}}),
        "a wrong type": put(at(workload("learner"), "spec"), "replicas", "1"),
        "a number for a label": put(at(workload("actor"), "spec", "template", "metadata", "labels"), "run", 7),
        "a missing field": drop(at(workload("replay"), "spec"), "selector"),
        "a volume with an unknown field": put(
            at(workload("actor"), "spec", "template", "spec", "volumes", 0), "optional", True
        ),
        "an unknown field of another's kind": put(at(named("PodMonitor", "townlet"), "spec"), "selectors", {}),
    },
    "words": {
        "an unknown kind": put(named("Service", "redis"), "kind", "Servce"),
        "an API version that has no such kind": put(workload("learner"), "apiVersion", "v1"),
        "an unknown policy type": put(at(named("NetworkPolicy", "redis"), "spec"), "policyTypes", ["Inbound"]),
        "an unknown access mode": put(
            at(named("PersistentVolumeClaim", "versions"), "spec"), "accessModes", ["ReadWriteAny"]
        ),
        "an unknown strategy": put(at(workload("evaluator"), "spec", "strategy"), "type", "Replace"),
        "an unknown protocol": put(at(rule("redis", "ingress"), "ports", 0), "protocol", "tcp"),
        "an unknown seccomp profile": put(
            at(workload("actor"), "spec", "template", "spec", "securityContext", "seccompProfile"),
            "type",
            "runtime/default",
        ),
        "a port out of range": put(at(container("replay"), "ports", 0), "containerPort", 500520),
        "a port name that is too long": put(at(container("replay"), "ports", 0), "name", "grpc-of-the-replay"),
        "a percentage without its sign": put(at(named("PodDisruptionBudget", "actor"), "spec"), "maxUnavailable", "50"),
        "a name with a capital": put(at(named("Service", "redis"), "metadata"), "name", "Redis"),
        "a label with a space": put(at(named("Service", "redis"), "metadata", "labels"), "app", "the town"),
        "a relative mount": put(at(container("actor"), "volumeMounts", 0), "mountPath", "data"),
        "an unknown operator": put(
            at(rule("replay", "ingress"), "from", 0, "podSelector", "matchExpressions", 0), "operator", "in"
        ),
    },
    "selection": {
        "a workload that does not select its pods": put(
            at(workload("actor"), "spec", "template", "metadata"), "labels", {**NAMES, COMPONENT: "actors"}
        ),
        "a workload that selects another's pods": put(at(workload("actor"), "spec", "selector"), "matchLabels", NAMES),
        "a service of nobody": put(at(named("Service", "replay"), "spec", "selector"), COMPONENT, "shard"),
        "a service of everybody": put(at(named("Service", "learner"), "spec"), "selector", NAMES),
        "a budget of nobody": put(
            at(named("PodDisruptionBudget", "actor"), "spec", "selector", "matchLabels"), COMPONENT, "actr"
        ),
        "a policy of nobody": put(
            at(named("NetworkPolicy", "redis"), "spec", "podSelector", "matchLabels"), COMPONENT, "valkey"
        ),
        "a policy for nobody": put(
            at(rule("redis", "ingress"), "from", 0, "podSelector", "matchLabels"), COMPONENT, "replay_service"
        ),
        "an affinity with others": put(
            at(
                workload("replay"),
                *("spec", "template", "spec", "affinity", "podAntiAffinity"),
                *(
                    "preferredDuringSchedulingIgnoredDuringExecution",
                    0,
                    "podAffinityTerm",
                    "labelSelector",
                    "matchLabels",
                ),
            ),
            COMPONENT,
            "learner",
        ),
        "a monitor of nobody": put(
            at(named("PodMonitor", "townlet"), "spec", "selector"), "matchLabels", {"app": "townlet"}
        ),
    },
    "references": {
        "a missing service": without("Service", "replay"),
        "a service with an address": drop(at(named("Service", "replay"), "spec"), "clusterIP"),
        "a missing ConfigMap": without("ConfigMap", "redis"),
        "another ConfigMap": put(at(container("learner"), "envFrom", 0, "configMapRef"), "name", "override"),
        "a key that the ConfigMap has not": put(
            at(workload("redis"), "spec", "template", "spec", "volumes", 0, "configMap"),
            "items",
            [{"key": "redis.cfg", "path": "c"}],
        ),
        "an undocumented Secret": lambda objects: container("replay")(objects)["envFrom"].append(
            {"secretRef": {"name": "aws"}}
        ),
        "a key that the Secret has not": put(
            container("replay"), "env", [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "pass"}}}]
        ),
        "a missing claim": without("PersistentVolumeClaim", "versions"),
        "a missing account": without("ServiceAccount", "townlet"),
        "a mount of no volume": put(at(container("actor"), "volumeMounts", 0), "name", "configuration"),
        "two mounts at one place": put(at(container("actor"), "volumeMounts", 1), "mountPath", "/etc/townlet"),
        "another namespace": put(at(named("Service", "redis"), "metadata"), "namespace", "default"),
        "the same twice": lambda objects: objects.append(copy.deepcopy(find(objects, "redis", "Service"))),
    },
    "ports": {
        "a service's port that no container has": put(
            at(named("Service", "relay"), "spec", "ports", 0), "targetPort", "rpc"
        ),
        "another port than the container's": put(at(named("Service", "replay"), "spec", "ports", 0), "port", 50051),
        "a container's port with another name": put(at(container("learner"), "ports", 0), "name", "rpc"),
        "one name for two ports": put(at(container("learner"), "ports", 1), "name", "grpc"),
        "a probe at a port where nobody listens": put(
            container("redis"), "livenessProbe", {"tcpSocket": {"port": 6380}}
        ),
        "a scrape of another port": put(
            at(workload("actor"), "spec", "template", "metadata", "annotations"), "prometheus.io/port", "9090"
        ),
        "a monitor of a port that nobody has": put(
            at(named("PodMonitor", "townlet"), "spec", "podMetricsEndpoints", 0), "port", "metric"
        ),
    },
    "resources": {
        "no requests": drop(at(container("actor"), "resources"), "requests"),
        "no limit of memory": drop(at(container("actor"), "resources", "limits"), "memory"),
        "a limit below the request": put(at(container("learner"), "resources", "limits"), "memory", "512Mi"),
        "a limit below the request in another unit": put(at(container("replay"), "resources", "limits"), "cpu", "0.4"),
        "a quantity that cannot be read": put(at(container("learner"), "resources", "limits"), "memory", "2GB"),
        "millibytes": put(at(container("learner"), "resources", "requests"), "memory", "512m"),
        "half a GPU": put(at(container("learner"), "resources", "limits"), "nvidia.com/gpu", "500m"),
        "a claim that cannot be read": put(
            at(named("PersistentVolumeClaim", "versions"), "spec", "resources", "requests"), "storage", "20 Gi"
        ),
        "a size limit that cannot be read": put(
            at(workload("actor"), "spec", "template", "spec", "volumes", 2, "emptyDir"), "sizeLimit", "256MiB"
        ),
    },
    "life": {
        "no startup probe": drop(container("learner"), "startupProbe"),
        "a probe of a kind that old servers lack": put(
            container("learner"), "readinessProbe", {"grpc": {"port": 50051}}
        ),
        "liveness that asks for readiness": put(
            container("replay"), "livenessProbe", {"exec": {"command": [*HEALTH, "replay"]}}
        ),
        "readiness that asks for life": put(
            at(container("replay"), "readinessProbe", "exec"), "command", [*HEALTH, "replay", "--live"]
        ),
        "a probe of another service": put(
            at(container("actor"), "readinessProbe", "exec"), "command", [*HEALTH, "learner"]
        ),
        "a probe without the time to start": put(at(container("actor"), "livenessProbe"), "timeoutSeconds", 1),
        "a liveness that kills Redis while it reads its file": put(
            at(container("redis"), "livenessProbe", "exec"), "command", ["sh", "-c", "redis-cli ping | grep -q PONG"]
        ),
        "no time to begin": put(at(container("learner"), "startupProbe"), "failureThreshold", 3),
        "no time to end": put(at(workload("replay"), "spec", "template", "spec"), "terminationGracePeriodSeconds", 20),
        "shards that leave before the last version": drop(container("replay"), "lifecycle"),
        "a Redis that leaves before the shards": drop(container("redis"), "lifecycle"),
        "shards that wait for each other": drop(at(workload("replay"), "spec"), "podManagementPolicy"),
        "shards that cannot be reached while they are restored": drop(
            at(named("Service", "replay"), "spec"), "publishNotReadyAddresses"
        ),
    },
    "security": {
        "a root": put(at(workload("redis"), "spec", "template", "spec", "securityContext"), "runAsUser", 0),
        "a user who may be root": drop(
            at(workload("actor"), "spec", "template", "spec", "securityContext"), "runAsNonRoot"
        ),
        "a root file system that can be written": put(
            at(container("learner"), "securityContext"), "readOnlyRootFilesystem", False
        ),
        "capabilities": put(at(container("relay"), "securityContext"), "capabilities", {"drop": ["NET_RAW"]}),
        "more capabilities": put(at(container("relay"), "securityContext", "capabilities"), "add", ["NET_ADMIN"]),
        "a privileged container": put(at(container("actor"), "securityContext"), "privileged", True),
        "no seccomp profile": drop(
            at(workload("replay"), "spec", "template", "spec", "securityContext"), "seccompProfile"
        ),
        "a token of the API server": put(
            at(workload("learner"), "spec", "template", "spec"), "automountServiceAccountToken", True
        ),
        "the network of the node": put(at(workload("relay"), "spec", "template", "spec"), "hostNetwork", True),
        "a folder of the node": lambda objects: pod(workload("actor")(objects))["volumes"].append(
            {"name": "host", "hostPath": {"path": "/"}}
        ),
        "a namespace for everybody": drop(
            at(named("Namespace", "townlet"), "metadata", "labels"), "pod-security.kubernetes.io/enforce"
        ),
    },
    "ring": {
        "no policy by default": without("NetworkPolicy", "default-deny"),
        "a default that lets in": put(at(named("NetworkPolicy", "default-deny"), "spec"), "policyTypes", ["Egress"]),
        "no names": without("NetworkPolicy", "dns"),
        "a Redis for everybody": drop(rule("redis", "ingress"), "from"),
        "a Redis for other namespaces": put(at(rule("redis", "ingress"), "from", 0), "namespaceSelector", {}),
        "a Redis for actors": put(
            at(rule("redis", "ingress"), "from", 0),
            "podSelector",
            {"matchExpressions": [{"key": COMPONENT, "operator": "Exists"}]},
        ),
        "all ports": drop(rule("replay", "ingress"), "ports"),
        "another port": put(at(rule("learner", "egress"), "ports", 0), "port", 50051),
        "actors that speak to everybody": lambda objects: find(objects, "actor", "NetworkPolicy")["spec"][
            "egress"
        ].append(ANYWHERE),
        "actors that speak to no shard": drop(at(named("NetworkPolicy", "actor"), "spec", "egress"), 1),
        "an edge into the world": put(rule("object-store", "egress"), "ports", [{"port": 80}]),
        "figures for everybody": drop(at(rule("metrics", "ingress"), "from", 0), "podSelector"),
    },
    "disruption": {
        "actors that may all be moved at once": without("PodDisruptionBudget", "actor"),
        "a node that can never be emptied": put(at(named("PodDisruptionBudget", "redis"), "spec"), "maxUnavailable", 0),
        "a budget of all": put(at(named("PodDisruptionBudget", "actor"), "spec"), "maxUnavailable", "100%"),
    },
    "configuration": {
        "an unknown key": config("\nactor:\n", "\nactor:\n  number: 4\n"),
        "a value of the wrong type": config("count: 4", "count: four"),
        "an unknown configuration": config("L2_partial", "L9_none"),
        "an unknown override": put(at(named("ConfigMap", "overrides"), "data"), "TOWNLET__LEARNER__GAMA", "0.9"),
        "a variable of nobody": put(at(named("ConfigMap", "overrides"), "data"), "TOWNLET_RUN", "a"),
        "fewer addresses than shards": config(", replay-1.replay:50052", ""),
        "more shards than addresses": put(at(workload("replay"), "spec"), "replicas", 3),
        "another address": config("address: learner:50051", "address: townlet-learner:50051"),
        "another port": config("listen: 0.0.0.0:50052", "listen: 0.0.0.0:50051"),
        "a learner that nobody can reach": config("listen: 0.0.0.0:50051", "listen: 127.0.0.1:50051"),
        "figures at another port": config("0.0.0.0:9464", "0.0.0.0:9465"),
        "another Redis": config("redis://redis:6379", "redis://redis:6380"),
        "a run that ends and is started again": config("goal: null", "goal: {mean_survival: 475}"),
        "versions outside of any volume": config("root: /data/versions", "root: /versions"),
        "as many actors as nobody expects": put(at(workload("actor"), "spec"), "replicas", 7),
    },
    "secrets": {
        "a certificate that nobody mounts": put(
            at(named("ConfigMap", "overrides"), "data"),
            "TOWNLET__SECURITY__TLS",
            "{ca: /k/ca.pem, certificate: /k/a, key: /k/b}",
        ),
        "tokens that nobody mounts": put(
            at(named("ConfigMap", "overrides"), "data"), "TOWNLET__SECURITY__TOKENS", "/tokens"
        ),
        "a password that nobody mounts": put(
            at(named("ConfigMap", "overrides"), "data"), "TOWNLET__REPLAY__REDIS_PASSWORD_FILE", "/data/password"
        ),
    },
    "images": {
        "an image that nobody builds": put(container("actor"), "image", "townlet/player"),
        "a program that is not there": put(container("replay"), "args", ["replay", "/etc/townlet/config.yaml"]),
    },
}
