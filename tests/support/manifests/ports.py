"""Do ports and their names match, between containers, services, probes, monitors and annotations?"""

from collections.abc import Sequence
from typing import Any

from manifests.objects import WORKLOADS, containers, label, of_kind, pod_labels, selects, walk
from manifests.rendering import Object


def port_of(workload: Object, name_or_number: object) -> int | None:
    """The number of a container's port by its name or number; None where no container has it."""
    for container in containers(workload):
        for port in container.get("ports", []):
            if name_or_number in (port.get("name"), port["containerPort"]):
                return int(port["containerPort"])
    return None


def port_faults(objects: Sequence[Object]) -> list[str]:
    """Ports that lead nowhere."""
    workloads = of_kind(objects, *WORKLOADS)
    faults = [fault for each in workloads for fault in _of_workload(each)]
    for service in of_kind(objects, "Service"):
        selected = [each for each in workloads if selects(service["spec"]["selector"], pod_labels(each))]
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            faults += [
                f"{label(service)}: port {target} leads nowhere in {label(each)}"
                for each in selected
                if port_of(each, target) is None
            ]
            faults += [
                f"{label(service)} is headless: {port['port']} is not led to {port_of(each, target)}"
                for each in selected
                if service["spec"].get("clusterIP") == "None" and port_of(each, target) not in (None, port["port"])
            ]
    for monitor in of_kind(objects, "PodMonitor"):
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            if not any(port_of(each, endpoint["port"]) for each in workloads):
                faults.append(f"{label(monitor)}: no pod has a port {endpoint['port']}")
    return faults


def _of_workload(workload: Object) -> list[str]:
    where, faults = label(workload), []
    for container in containers(workload):
        for key in ("name", "containerPort"):
            values = [port.get(key) for port in container.get("ports", [])]
            faults += [f"{where} has the port {value} twice" for value in set(values) if values.count(value) > 1]
        for path, value in walk(container):
            if path and path[-1] in ("httpGet", "tcpSocket", "grpc") and port_of(workload, value["port"]) is None:
                faults.append(f"{where}: {'.'.join(path)} asks at {value['port']}, where nobody listens")
    annotations: dict[str, Any] = workload["spec"]["template"]["metadata"].get("annotations", {})
    scraped = annotations.get("prometheus.io/port")
    if scraped is not None and (not scraped.isdigit() or port_of(workload, "metrics") != int(scraped)):
        faults.append(f"{where}: Prometheus asks at {scraped}, and the port metrics is {port_of(workload, 'metrics')}")
    return faults
