"""Does every object have the fields that its kind has, and no other? As `kubernetes-validate --strict` sees it."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import jsonschema
import kubernetes_validate
from manifests.objects import label
from manifests.rendering import Object

VERSIONS = ("1.27", "1.37")
"""The oldest and the newest API server whose schemas are looked at."""

SUCCESSORS = {
    ("PodDisruptionBudget", "policy/v1beta1"): "policy/v1",
    ("HorizontalPodAutoscaler", "autoscaling/v2beta2"): "autoscaling/v2",
}
"""Versions that new API servers do not know any more; what we write in them reads the same in these."""


def _closed(required: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
_WORDS = {"type": "object", "additionalProperties": _TEXT}
_OF_POLICIES = _closed(
    ["policies"],
    stabilizationWindowSeconds=_COUNT,
    policies={
        "type": "array",
        "items": _closed(["type", "value", "periodSeconds"], type=_TEXT, value=_COUNT, periodSeconds=_COUNT),
    },
)
_METADATA = _closed(["name"], name=_TEXT, namespace=_TEXT, labels=_WORDS, annotations=_WORDS)


def _object(specification: dict[str, Any]) -> dict[str, Any]:
    return _closed(
        ["apiVersion", "kind", "metadata", "spec"], apiVersion=_TEXT, kind=_TEXT, metadata=_METADATA, spec=specification
    )


FOREIGN = {
    "ScaledObject": _object(
        _closed(
            ["scaleTargetRef", "triggers"],
            scaleTargetRef=_closed(["name"], apiVersion=_TEXT, kind=_TEXT, name=_TEXT),
            minReplicaCount=_COUNT,
            maxReplicaCount=_COUNT,
            pollingInterval=_COUNT,
            cooldownPeriod=_COUNT,
            advanced=_closed(
                horizontalPodAutoscalerConfig=_closed(behavior=_closed(scaleUp=_OF_POLICIES, scaleDown=_OF_POLICIES))
            ),
            triggers={
                "type": "array",
                "minItems": 1,
                "items": _closed(
                    ["type", "metadata"],
                    type=_TEXT,
                    metricType=_TEXT,
                    metadata=_closed(
                        ["serverAddress", "query", "threshold"],
                        serverAddress=_TEXT,
                        query=_TEXT,
                        threshold={"type": "string", "pattern": r"^\d+(\.\d+)?$"},
                        ignoreNullValues={"enum": ["true", "false"]},
                    ),
                ),
            },
        )
    ),
    "PodMonitor": _object(
        _closed(
            ["selector", "podMetricsEndpoints"],
            jobLabel=_TEXT,
            podTargetLabels={"type": "array", "items": _TEXT},
            selector=_closed(["matchLabels"], matchLabels=_WORDS),
            podMetricsEndpoints={
                "type": "array",
                "minItems": 1,
                "items": _closed(["port"], port=_TEXT, path=_TEXT, interval=_TEXT, scheme=_TEXT),
            },
        )
    ),
}
"""Of kinds that operators bring along: the part of their schemas that is used here."""


def schema_faults(objects: Sequence[Object]) -> list[str]:
    """Fields that are unknown, missing, or of the wrong type."""
    return [fault for each in objects for version in VERSIONS for fault in _faults(json.dumps(each), version)]


@cache  # most objects are the same in every overlay, and a validation reads megabytes of schemas
def _faults(text: str, version: str) -> tuple[str, ...]:
    each = json.loads(text)
    try:
        if each["kind"] in FOREIGN:
            jsonschema.validate(each, FOREIGN[each["kind"]])
        else:
            known = SUCCESSORS.get((each["kind"], each["apiVersion"]), each["apiVersion"])
            kubernetes_validate.validate(each | {"apiVersion": known}, version, strict=True)
    except jsonschema.ValidationError as error:
        return (f"{label(each)}: {'.'.join(str(part) for part in error.path)}: {error.message}",)
    except kubernetes_validate.SchemaNotFoundError as error:
        return (f"{label(each)}: {error.message}",)
    return ()
