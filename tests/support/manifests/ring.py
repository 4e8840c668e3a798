"""Who may speak to whom: what the network policies allow, worked out pod by pod, and what the ring needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from manifests.objects import COMPONENT, WORKLOADS, of_kind, pod_labels, selects
from manifests.rendering import Object

Edge = tuple[str, str, int]
"""From, to, port."""

SPACE = "townlet"
PORTS = (53, 80, 443, 6379, 9090, 9464, 50051, 50052, 50053, 50054)

RING: frozenset[Edge] = frozenset(
    {
        ("actor", "replay", 50052),
        ("actor", "learner", 50051),
        ("learner", "replay", 50052),
        ("replay", "redis", 6379),
        ("evaluator", "learner", 50051),
        ("admin", "learner", 50051),
    }
)
RELAY: frozenset[Edge] = frozenset(
    {("actor", "relay", 50054), ("evaluator", "relay", 50054), ("relay", "learner", 50051)}
)
OBJECT_STORE: frozenset[Edge] = frozenset((name, "outside", 443) for name in ("actor", "learner", "replay"))
SCRAPED = ("actor", "evaluator", "learner", "relay", "replay")


@dataclass(frozen=True)
class Peer:
    """A pod, somewhere; `outside` is no pod."""

    name: str
    labels: dict[str, str]
    space: str = SPACE
    space_labels: dict[str, str] = field(default_factory=dict)


ELSEWHERE = (
    Peer(
        "prometheus",
        {"app.kubernetes.io/name": "prometheus"},
        "monitoring",
        {"kubernetes.io/metadata.name": "monitoring"},
    ),
    Peer("grafana", {"app": "grafana"}, "monitoring", {"kubernetes.io/metadata.name": "monitoring"}),
    Peer("dns", {"k8s-app": "kube-dns"}, "kube-system", {"kubernetes.io/metadata.name": "kube-system"}),
    Peer("neighbour", {"app": "web"}, "web", {"kubernetes.io/metadata.name": "web"}),
    Peer(
        "impostor",
        {"app.kubernetes.io/name": "townlet", COMPONENT: "replay"},
        "web",
        {"kubernetes.io/metadata.name": "web"},
    ),
    Peer("outside", {}, ""),
)


def ring_faults(objects: Sequence[Object]) -> list[str]:
    """Edges that are allowed and not needed, and the other way round.

    Each end allows just what is needed, so that one careless policy opens nothing.
    """
    expected = _expected_edges(objects)
    elsewhere = {peer.name for peer in ELSEWHERE}
    leaving = frozenset(edge for edge in expected if edge[0] not in elsewhere)
    arriving = frozenset(edge for edge in expected if edge[1] not in elsewhere)
    views = (("Egress", "Ingress"), expected), (("Egress",), leaving), (("Ingress",), arriving)
    faults = []
    for ways, needed in views:
        allowed, by = allowed_edges(objects, *ways), " and ".join(ways)
        faults += [f"{one} may speak to {other} at {port}, by {by}" for one, other, port in sorted(allowed - needed)]
        faults += [
            f"{one} may not speak to {other} at {port}, by {by}" for one, other, port in sorted(needed - allowed)
        ]
    return faults


def _expected_edges(objects: Sequence[Object]) -> frozenset[Edge]:
    """What the ring needs, with the parts that it has here."""
    names = {pod_labels(each)[COMPONENT] for each in of_kind(objects, *WORKLOADS)}
    edges = RING | (RELAY if "relay" in names else frozenset())
    if any(each["metadata"]["name"] == "object-store" for each in of_kind(objects, "NetworkPolicy")):
        edges |= OBJECT_STORE
    edges |= {("prometheus", name, 9464) for name in SCRAPED if name in names}
    return edges | {(name, "dns", 53) for name in (*names, "admin", "stranger")}


def allowed_edges(objects: Sequence[Object], *ways: str) -> frozenset[Edge]:
    """Every edge with an end in our namespace that the policies let through; ways: those of Egress, of Ingress."""
    policies = of_kind(objects, "NetworkPolicy")
    ours = [Peer(pod_labels(each)[COMPONENT], pod_labels(each)) for each in of_kind(objects, *WORKLOADS)]
    ours += [Peer("admin", {COMPONENT: "admin"}), Peer("stranger", {"app": "stranger"})]
    everybody = (*ours, *ELSEWHERE)
    ends = {"Egress": lambda one, _: one, "Ingress": lambda _, other: other}
    return frozenset(
        (one.name, other.name, port)
        for one, other, port in product(everybody, everybody, PORTS)
        if one is not other
        and any(ends[way](one, other).space == SPACE for way in ways)
        and ("Egress" not in ways or _passes(policies, one, other, port, "Egress"))
        and ("Ingress" not in ways or _passes(policies, other, one, port, "Ingress"))
    )


def _passes(policies: Sequence[Object], pod: Peer, peer: Peer, port: int, way: str) -> bool:
    """Whether a pod's policies let it speak to (Egress), or hear (Ingress), a peer. Policies add up."""
    if pod.space != SPACE:
        return True
    of_pod = [
        each["spec"]
        for each in policies
        if way in each["spec"]["policyTypes"] and selects(each["spec"]["podSelector"], pod.labels)
    ]
    if not of_pod:
        return True
    side, key = ("egress", "to") if way == "Egress" else ("ingress", "from")
    return any(
        _has_port(rule, port) and (key not in rule or any(_is_peer(each, peer) for each in rule[key]))
        for specification in of_pod
        for rule in specification.get(side, [])
    )


def _has_port(rule: Object, port: int) -> bool:
    return "ports" not in rule or any(
        "port" not in each or each["port"] <= port <= each.get("endPort", each["port"]) for each in rule["ports"]
    )


def _is_peer(selector: Object, peer: Peer) -> bool:
    if "ipBlock" in selector:
        return peer.space == ""
    if peer.space == "":
        return False
    if "namespaceSelector" not in selector:
        return peer.space == SPACE and selects(selector["podSelector"], peer.labels)
    in_space = peer.space != SPACE or not selector["namespaceSelector"]
    return (
        in_space
        and selects(selector["namespaceSelector"], peer.space_labels)
        and selects(selector.get("podSelector", {}), peer.labels)
    )
