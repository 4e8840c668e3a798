"""Which policies the members behind a relay act with. Pure."""

from collections.abc import Mapping


class Acknowledgements:
    """What is to be passed on: of each member the last version that it told."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    def add(self, versions: Mapping[str, int]) -> None:
        """Members act with these versions now."""
        self._versions.update(versions)

    def take(self) -> dict[str, int]:
        """All that was told since the last time."""
        versions, self._versions = self._versions, {}
        return versions

    def put_back(self, versions: Mapping[str, int]) -> None:
        """They could not be passed on; what was told meanwhile is newer."""
        self._versions = {**versions, **self._versions}
