"""Reads a configuration: one YAML file, what it extends, and the overrides, into the frozen `Config`.

    extends: hamlet.yaml        # optional: another file, relative to this one, or a list of them, later ones winning;
                                # mappings merge, but for those of another `kind`; all else is replaced
    learner: {gamma: 0.99}

Overrides come last: environment variables such as TOWNLET__LEARNER__GAMMA=0.95, then `--set learner.gamma=0.95`.
Whatever is wrong is reported with the file (or override) that said it, the key's path, what was expected and what was
found, all errors at once.
"""

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from townlet.config import Config
from townlet.errors import ConfigError
from townlet.masks import masked

ENVIRONMENT_PREFIX = "TOWNLET__"

KeyPath = tuple[str, ...]


def load_config(path: Path, overrides: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in `path` with the overrides (`"a.b=value"`) applied.

    environment: the variables to look for overrides in; those without the prefix are ignored.
    Raises ConfigError.
    """
    tree = _Tree()
    tree.merge_file(path)
    for name, text in sorted((environment or {}).items()):
        if name.startswith(ENVIRONMENT_PREFIX):
            tree.override(tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")), text, source=f"${name}")
    for assignment in overrides:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {masked(assignment)}: expected path=value, such as --set learner.gamma=0.95")
        tree.override(tuple(key.strip().split(".")), text, source=f"--set {assignment}")
    return tree.config()


def override_config(config: Config, texts: Mapping[str, str]) -> Config:
    """The configuration with some values replaced. texts: as in a file, by path. Raises ConfigError."""
    tree = _Tree(config.model_dump(mode="json"))
    for key, text in texts.items():
        tree.override(tuple(key.split(".")), text, source="")
    return tree.config()


def dump_config(config: Config) -> str:
    """YAML that loads to the same configuration."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, width=120)


class _Tree:
    """The merged values, and for each key path the source that set it."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self.values: dict[str, Any] = values or {}
        self._sources: dict[KeyPath, str] = {}

    def config(self) -> Config:
        """Raises ConfigError."""
        try:
            # JSON mode is strict about types and still takes a list for a tuple.
            return Config.model_validate_json(json.dumps(self.values, default=str))
        except ValidationError as error:
            raise ConfigError(masked("\n".join(map(self.describe, error.errors())))) from None

    def merge_file(self, path: Path, extended_by: tuple[Path, ...] = ()) -> None:
        path = path.resolve() if extended_by else path
        if path.resolve() in (p.resolve() for p in extended_by):
            raise ConfigError(f"{path}: extends itself, by way of {' -> '.join(p.name for p in extended_by)}")
        document = _read(path, extended_by)
        parents = document.pop("extends", [])
        for parent in parents if isinstance(parents, list) else [parents]:
            if not isinstance(parent, str):
                raise ConfigError(f"{path}: extends: expected the name of a file, found {parent!r}")
            self.merge_file(path.parent / parent, (*extended_by, path))
        self._merge(self.values, document, (), str(path))
        self._sources[()] = str(path)

    def override(self, key: KeyPath, text: str, source: str) -> None:
        try:
            value = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            raise ConfigError(masked(f"{source}: not a YAML value: {_one_line(error)}")) from None
        at = self.values
        for part in key[:-1]:
            child = at.get(part)
            if not isinstance(child, dict):
                child = at[part] = {}
            at = child
        self._merge(at, {key[-1]: value}, key[:-1], source)

    def describe(self, problem: Mapping[str, Any]) -> str:
        """One sentence for one of pydantic's errors."""
        location = tuple(str(part) for part in problem["loc"])
        value, shown = self._follow(location)
        source = next((self._sources[shown[:n]] for n in range(len(shown), -1, -1) if shown[:n] in self._sources), "")
        message = _readable(problem)
        if problem["type"] == "extra_forbidden" and (near := get_close_matches(shown[-1], _known_keys(shown[:-1]), 1)):
            message += f"; did you mean {near[0]}?"
        if problem["type"] not in ("missing", "extra_forbidden", "value_error") and not isinstance(value, dict | list):
            message += f", found {value!r}"
        return ": ".join(part for part in (source, ".".join(shown), message) if part)

    def _follow(self, location: KeyPath) -> tuple[Any, KeyPath]:
        """The value at a location, and its path without the names of union members that pydantic puts in between."""
        at: Any = self.values
        path: list[str] = []
        for depth, part in enumerate(location):
            if isinstance(at, dict) and part in at:
                at = at[part]
            elif isinstance(at, list) and part.isdigit() and int(part) < len(at):
                at = at[int(part)]
            elif depth == len(location) - 1 and not (isinstance(at, dict) and at.get("kind") == part):
                at = None
            else:
                continue
            path.append(part)
        return at, tuple(path)

    def _merge(self, into: dict[str, Any], new: Mapping[str, Any], at: KeyPath, source: str) -> None:
        for key, value in new.items():
            path = (*at, key)
            self._sources[path] = source
            if isinstance(value, dict) and isinstance(into.get(key), dict) and _same_kind(value, into[key]):
                self._merge(into[key], value, path, source)
            else:
                self._forget(path)
                into[key] = value
                self._sources[path] = source

    def _forget(self, path: KeyPath) -> None:
        for known in [known for known in self._sources if known[: len(path)] == path]:
            del self._sources[known]


def _same_kind(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Whether the keys of both belong together."""
    return "kind" not in new or "kind" not in old or new["kind"] == old["kind"]


class _Loader(yaml.SafeLoader):
    """YAML with floats as people write them (1e-3 is a number) and without repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, yaml.Mark] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r}: expected a word; put it in quotes", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice (first on line {seen[key].line + 1})", key_node.start_mark
                )
            seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _read(path: Path, extended_by: tuple[Path, ...]) -> dict[str, Any]:
    by = f" (which {extended_by[-1]} extends)" if extended_by else ""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigError(f"{path}{by}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8 text, found byte {error.object[error.start]:#x}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_one_line(error)}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values, found {type(document).__name__}")
    return document


def _one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _known_keys(path: KeyPath) -> list[str]:
    """The keys that the schema knows at a path, of all kinds that may stand there."""
    models: list[type[BaseModel]] = [Config]
    for part in path:
        inner = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        models = [model for annotation in inner for model in _models(annotation)] or models
    return [name for model in models for name in model.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _readable(problem: Mapping[str, Any]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    match kind:
        case "missing":
            return "a required key is missing"
        case "extra_forbidden":
            return "unknown key"
        case "value_error":
            return str(context["error"])
        case "union_tag_not_found":
            return f"a required key is missing: {context['discriminator']}"
        case "union_tag_invalid":
            return f"expected one of {context['expected_tags']}"
        case _:
            message = str(problem["msg"]).removeprefix("Input should be ")
            return f"expected {message}"
