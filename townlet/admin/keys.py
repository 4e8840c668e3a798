"""The values of a configuration that can be set while the run trains."""

SETTABLE = (
    "learner.learning_rate",
    "curiosity.learning_rate",
    "curiosity.weight.value",
    "curiosity.weight.start",
    "curiosity.weight.minimum",
    "curiosity.weight.factor",
    "exploration.base",
    "exploration.exponent",
    "exploration.start",
    "exploration.minimum",
    "exploration.factor",
    "replay.samples_per_insert",
)
"""By their paths. Which of them a run has depends on what kinds its configuration chooses."""
