"""What a container asks for, and what it may have."""

import re
from collections.abc import Sequence
from decimal import Decimal

from manifests.objects import WORKLOADS, containers, label, of_kind, walk
from manifests.rendering import Object

SUFFIXES = {
    "n": "1e-9",
    "u": "1e-6",
    "m": "1e-3",
    "": "1",
    "k": "1e3",
    "M": "1e6",
    "G": "1e9",
    "T": "1e12",
    "P": "1e15",
}
SUFFIXES |= {f"{letter}i": str(2 ** (10 * (power + 1))) for power, letter in enumerate("KMGTP")}
QUANTITY = re.compile(r"^([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d+)|([numkMGTP]|[KMGTP]i)?)$")
BOUNDS = {"cpu": ("0.01", "64"), "memory": (str(16 * 2**20), str(2**40)), "storage": (str(2**20), str(2**50))}
"""What is plausible: 512m of memory is half a byte, and 500 of CPU were meant to be millicores."""


def parse(text: object) -> Decimal:
    """A quantity's value. Raises ValueError."""
    found = QUANTITY.match(str(text))
    if found is None or isinstance(text, bool):
        raise ValueError(f"{text!r} is no quantity")
    number, exponent, suffix = found.groups()
    return Decimal(number + (exponent or "")) * Decimal(SUFFIXES[suffix or ""])


def resource_faults(objects: Sequence[Object]) -> list[str]:
    """Requests and limits that are missing, unreadable, implausible, or do not fit together."""
    faults = []
    for workload in of_kind(objects, *WORKLOADS):
        for container in containers(workload):
            where = f"{label(workload)}: container {container['name']}"
            faults += [f"{where}: {fault}" for fault in _container_faults(container.get("resources", {}))]
    for each in objects:
        for path, value in walk(each):
            if path and (path[-1] == "sizeLimit" or path[-2:] == ("requests", "storage")):
                faults += [f"{label(each)}: {'.'.join(path)}: {fault}" for fault in _value_faults("storage", value)]
    return faults


def _container_faults(resources: Object) -> list[str]:
    requests, limits = resources.get("requests", {}), resources.get("limits", {})
    faults = [
        f"no {side} of {name}"
        for side in ("requests", "limits")
        for name in ("cpu", "memory")
        if name not in resources.get(side, {})
    ]
    unreadable = [
        fault for side in (requests, limits) for name, value in side.items() for fault in _value_faults(name, value)
    ]
    if unreadable:
        return faults + unreadable
    for name, asked in requests.items():
        if name in limits and parse(limits[name]) < parse(asked):
            faults.append(f"the limit of {name}, {limits[name]}, is below the request of {asked}")
    return faults + [
        f"{name}: devices are asked for whole, as many as the limit"
        for name in (requests.keys() | limits.keys()) - {"cpu", "memory", "ephemeral-storage"}
        if requests.get(name) != limits.get(name) or parse(limits[name]) % 1
    ]


def _value_faults(name: str, value: object) -> list[str]:
    try:
        amount = parse(value)
    except ValueError as error:
        return [f"{name}: {error}"]
    least, most = BOUNDS.get(name, ("0", str(2**50)))
    return [] if Decimal(least) <= amount <= Decimal(most) else [f"{name}: {value} is not plausible"]
