"""All that is checked of a list of manifests: each check returns sentences about what is wrong."""

from collections.abc import Callable, Sequence

from manifests.life import life_faults
from manifests.objects import COMPONENT, WORKLOADS, of_kind, pod_labels
from manifests.ports import port_faults
from manifests.program import config_faults, image_faults, scaling_faults, secret_faults
from manifests.quantities import resource_faults
from manifests.references import reference_faults
from manifests.rendering import Object
from manifests.ring import ring_faults
from manifests.schema import schema_faults
from manifests.security import security_faults
from manifests.selection import selection_faults
from manifests.words import word_faults


def disruption_faults(objects: Sequence[Object]) -> list[str]:
    """Who may all be moved at once, or never: everybody with state or in numbers has a budget, which allows one."""
    budgets = of_kind(objects, "PodDisruptionBudget")
    covered = {each["spec"]["selector"]["matchLabels"][COMPONENT] for each in budgets}
    wanted = {pod_labels(each)[COMPONENT] for each in of_kind(objects, *WORKLOADS)} - {"evaluator", "relay"}
    faults = [f"{name} has no budget of disruptions" for name in sorted(wanted - covered)]
    for each in budgets:
        allowed = each["spec"].get("maxUnavailable")
        if allowed is None or str(allowed).rstrip("%") in ("0", "100"):
            faults.append(f"PodDisruptionBudget/{each['metadata']['name']} allows {allowed}: none or all")
    return faults


CHECKS: dict[str, Callable[[Sequence[Object]], list[str]]] = {
    "schema": schema_faults,
    "words": word_faults,
    "selection": selection_faults,
    "references": reference_faults,
    "ports": port_faults,
    "resources": resource_faults,
    "life": life_faults,
    "security": security_faults,
    "ring": ring_faults,
    "disruption": disruption_faults,
    "configuration": config_faults,
    "secrets": secret_faults,
    "images": image_faults,
    "scaling": scaling_faults,
}
