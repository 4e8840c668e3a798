"""How a process keeps the memory that it has freed."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3)."""
LARGEST_REUSED_BYTES = 16 * 2**20
"""Of one piece: as messages are, and less than what lives long or is needed once, such as a shard's records."""
MOST_KEPT_BYTES = 32 * 2**20
HEAPS = 2


def reuse_memory() -> None:
    """Keep what is freed for what comes next, with glibc; elsewhere nothing changes.

    By itself glibc gives pieces of more than 128 KiB back to the system at once and asks for them anew, page by page,
    which takes several times as long as filling them; and it keeps a heap for each thread, where two serve as well.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGEST_REUSED_BYTES)
        mallopt(_TRIM_THRESHOLD, MOST_KEPT_BYTES)
        mallopt(_ARENA_MAX, HEAPS)
