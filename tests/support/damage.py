"""Damage to a version, at random and repeatable: bits, lengths, files and components that are not as they were."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from random import Random

from townlet.checkpoint.manifest import MANIFEST, Manifest, folder_of


def _flip(content: bytes, chance: Random) -> bytes:
    altered = bytearray(content)
    altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(8)
    return bytes(altered)


def _other_digit(content: bytes, chance: Random) -> bytes:
    """In a manifest: a count, a size, a name or a digest that still looks like one."""
    places = [place for place, byte in enumerate(content) if byte in b"0123456789"]
    place = chance.choice(places)
    digit = chance.choice([byte for byte in b"0123456789" if byte != content[place]])
    return content[:place] + bytes([digit]) + content[place + 1 :]


OF_ONE_FILE: dict[str, Callable[[bytes, Random], bytes | None]] = {
    "flip a bit": _flip,
    "truncate at 0": lambda content, _: b"",
    "truncate at 1": lambda content, _: content[:1],
    "truncate at half": lambda content, _: content[: len(content) // 2],
    "truncate at the last byte": lambda content, _: content[:-1],
    "add a byte": lambda content, chance: content + chance.randbytes(1),
    "zero": lambda content, _: bytes(len(content)),
    "delete": lambda content, _: None,
}
OTHERS = ("swap two files", "swap two components", "lose a component", "another version's file", "a digit")
KINDS = (*OF_ONE_FILE, *OTHERS)


@dataclass(frozen=True)
class Damage:
    """altered: contents by path; None for a file that is gone."""

    kind: str
    altered: dict[str, bytes | None]

    @contextmanager
    def done_to(self, root: Path) -> Iterator[None]:
        """Within, the files are so; then they are as they were."""
        whole = {path: (root / path).read_bytes() for path in self.altered}
        try:
            for path, content in self.altered.items():
                if content is None:
                    (root / path).unlink()
                else:
                    (root / path).write_bytes(content)
            yield
        finally:
            for path, content in whole.items():
                (root / path).write_bytes(content)

    def __str__(self) -> str:
        return f"{self.kind}: {', '.join(self.altered)}"


class Damages:
    """Of one version, the other one being older. Without its manifest a version is none, so that is never deleted."""

    def __init__(self, root: Path, version: Manifest, other: Manifest, chance: Random) -> None:
        self._root = root
        self._chance = chance
        self._manifest = f"{folder_of(version.version)}/{MANIFEST}"
        self._paths = [self._manifest, *(record.path for record in version.files)]
        self._version = version
        self._other = other

    def __iter__(self) -> Iterator[Damage]:
        """A flipped bit in each file, some of what befalls several, all else in each file, then at random for ever."""
        flips, *more = ([(kind, path) for path in self._paths] for kind in OF_ONE_FILE)
        several = [(kind, self._chance.choice(self._paths)) for kind in OTHERS for _ in range(4)]
        rest = list(chain(*more))
        self._chance.shuffle(rest)
        at_random = ((self._chance.choice(KINDS), self._chance.choice(self._paths)) for _ in count())
        for kind, path in chain(flips, several, rest, at_random):
            if damage := self._make(kind, path):
                yield damage

    def _make(self, kind: str, path: str) -> Damage | None:
        """None where it would change nothing."""
        if (kind, path) == ("delete", self._manifest):
            return None
        altered = {
            name: content for name, content in self._altered(kind, path).items() if content != self._content(name)
        }
        return Damage(kind, altered) if altered else None

    def _altered(self, kind: str, path: str) -> dict[str, bytes | None]:
        content = self._content(path)
        match kind:
            case "swap two files":
                other = self._chance.choice(self._paths)
                return {path: self._content(other), other: content}
            case "swap two components":
                role = self._chance.choice(("actor", "replay"))
                folder = folder_of(self._version.version)
                first, second = (
                    [f"{folder}/{role}-{index}.{end}" for end in ("json", "safetensors")] for index in (0, 1)
                )
                return {here: self._content(there) for here, there in zip(first + second, second + first, strict=True)}
            case "lose a component":
                lost = self._chance.choice(self._version.members)
                return {record.path: None for record in self._version.of(lost)}
            case "another version's file":
                name = self._chance.choice([each for each in self._paths if not each.startswith("segments/")])
                return {name: self._content(f"{folder_of(self._other.version)}/{name.rpartition('/')[2]}")}
            case "a digit":
                return {self._manifest: _other_digit(self._content(self._manifest), self._chance)}
        return {path: OF_ONE_FILE[kind](content, self._chance)}

    def _content(self, path: str) -> bytes:
        return (self._root / path).read_bytes()
