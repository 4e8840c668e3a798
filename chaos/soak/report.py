"""What a soak found: a trend for every service, and whether anything grows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.soak.gauges import Gauges
from chaos.soak.trend import BLOCKS, Trend, floor_rise, trend

MIB = 2**20


@dataclass
class Track:
    """One service's looks after the warm-up. resident_bytes, open_files, threads: at each."""

    at_s: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    open_files: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def add(self, at_s: float, gauges: Gauges) -> None:
        """One look."""
        self.at_s.append(at_s)
        self.resident_bytes.append(gauges.resident_bytes)
        self.open_files.append(gauges.open_files)
        self.threads.append(gauges.threads)


@dataclass(frozen=True)
class Finding:
    """One service. memory: MiB an hour. more_files, more_threads: that stay."""

    service: str
    resident_mib: float
    memory: Trend
    open_files: tuple[int, int]
    more_files: int
    more_threads: int

    @property
    def grows(self) -> bool:
        """Whether it would not last for ever."""
        return self.memory.grows or self.more_files > 0 or self.more_threads > 0

    @property
    def words(self) -> str:
        """For people."""
        memory, (least, most) = self.memory, self.open_files
        verdict = "GROWS" if memory.grows else "not distinguishable from zero upward"
        return (
            f"{self.service:10} {self.resident_mib:7.1f} MiB, slope {memory.per_hour:+.3f} MiB/h "
            f"({memory.low:+.3f} to {memory.high:+.3f}): {verdict}; open files {least} to {most}, "
            f"{self.more_files:+d} that stay; threads {self.more_threads:+d}"
        )


def findings(tracks: Mapping[str, Track]) -> list[Finding]:
    """One for each service that was looked at often enough."""
    return [_finding(name, track) for name, track in tracks.items() if len(track.at_s) >= BLOCKS]


def as_values(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Plain values, for a file."""
    return [
        {
            "service": each.service,
            "resident_mib": round(each.resident_mib, 1),
            "slope_mib_per_hour": each.memory.per_hour,
            "interval_99": [each.memory.low, each.memory.high],
            "memory_grows": each.memory.grows,
            "open_files": each.open_files,
            "more_files": each.more_files,
            "more_threads": each.more_threads,
        }
        for each in found
    ]


def _finding(service: str, track: Track) -> Finding:
    resident = [value / MIB for value in track.resident_bytes]
    return Finding(
        service,
        sum(resident) / len(resident),
        trend(track.at_s, resident),
        (min(track.open_files), max(track.open_files)),
        floor_rise(track.open_files),
        floor_rise(track.threads),
    )
