"""What can be set while the run trains: some values of its configuration, by their paths in it. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from townlet.admin.keys import SETTABLE
from townlet.config import Config
from townlet.config_file import override_config
from townlet.errors import ConfigError, InvalidRequestError

WEIGHT_BEGINS = ("curiosity.weight.value", "curiosity.weight.start")
"""Setting one of these makes it the intrinsic weight at once."""

LONGEST_TEXT = 64
"""Of what is set: a number. YAML of any length could nest deeper than anybody can read."""

Value = float | None


@dataclass(frozen=True)
class SetValue:
    """One value. configured: what the configuration says."""

    key: str
    value: Value
    configured: Value


class Steering:
    """The configuration as it is steered. config: with all that was set; what was not is as in the file.

    apply: called with it and the key whenever one was set.
    """

    def __init__(self, configured: Config, apply: Callable[[Config, str], None] = lambda *_: None) -> None:
        self.config = configured
        self._configured = configured
        self._apply = apply
        self._set: dict[str, Value] = {}

    @property
    def keys(self) -> list[str]:
        """What can be set in this run. In lockstep the rounds keep the pace of samples and inserts."""
        tree = self._configured.model_dump(mode="json")
        not_there = {"replay.samples_per_insert"} if self._configured.schedule.kind == "lockstep" else set()
        return [key for key in SETTABLE if _has(tree, key) and key not in not_there]

    def set(self, key: str, text: str) -> tuple[SetValue, SetValue]:
        """Set one value, as in a configuration file; empty: what the configuration says. As it is now, and as it was.

        Raises InvalidRequestError, and then nothing has changed.
        """
        if key not in self.keys:
            raise InvalidRequestError(f"set {key[:LONGEST_TEXT]}: expected one of {', '.join(self.keys)}")
        if len(text) > LONGEST_TEXT:
            raise InvalidRequestError(f"set {key}: expected at most {LONGEST_TEXT} characters, found {len(text)}")
        before = self._described(key)
        others = {other: value for other, value in self._set.items() if other != key}
        texts = {other: json.dumps(value) for other, value in others.items()} | ({key: text} if text else {})
        try:
            config = override_config(self._configured, texts)
        except ConfigError as error:
            reason = str(error).removeprefix(": ").removeprefix(f"{key}: ")
            raise InvalidRequestError(f"set {key}: {reason}") from None
        value = _follow(config.model_dump(mode="json"), key)
        configured = _follow(self._configured.model_dump(mode="json"), key)
        self._set = others if value == configured else {**others, key: value}
        self.config = config
        self._apply(config, key)
        return self._described(key), before

    def values(self) -> Iterator[SetValue]:
        """What was set."""
        return (self._described(key) for key in sorted(self._set))

    def state(self) -> dict[str, Value]:
        """What was set, by key."""
        return dict(self._set)

    def load_state(self, state: Mapping[str, Value]) -> list[str]:
        """Set what was set. What this configuration cannot take is left as configured: why, for each."""
        refused = []
        for key, value in state.items():
            try:
                self.set(key, json.dumps(value))
            except InvalidRequestError as error:
                refused.append(str(error))
        return refused

    def _described(self, key: str) -> SetValue:
        now, configured = (_follow(each.model_dump(mode="json"), key) for each in (self.config, self._configured))
        return SetValue(key, now, configured)


def _follow(tree: dict[str, Any], key: str) -> Value:
    at: Any = tree
    for part in key.split("."):
        at = at[part]
    value: Value = at
    return value


def _has(tree: dict[str, Any], key: str) -> bool:
    at: Any = tree
    for part in key.split("."):
        if not isinstance(at, dict) or part not in at:
            return False
        at = at[part]
    return True
