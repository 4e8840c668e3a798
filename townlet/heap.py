"""How a process keeps the memory that it has freed, and lets go of what nobody needs any more."""

import ctypes
import gc
import threading
import time

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3)."""
LARGEST_REUSED_BYTES = 16 * 2**20
"""Of one piece: as messages are, and less than what lives long or is needed once, such as a shard's records."""
MOST_KEPT_BYTES = 64 * 2**20
KEPT_S = 10.0
HEAPS = 1
"""glibc gives the free end of the first back when asked, and of no other: what a burst took there would stay."""


def reuse_memory() -> None:
    """Keep what is freed for what comes next, for some seconds, with glibc; elsewhere nothing changes.

    By itself glibc gives pieces of more than 128 KiB back to the system at once and asks for them anew, page by page,
    which takes several times as long as filling them; and it keeps a heap for each thread, where one serves as well.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_MMAP_THRESHOLD, LARGEST_REUSED_BYTES)
    libc.mallopt(_TRIM_THRESHOLD, MOST_KEPT_BYTES)
    libc.mallopt(_ARENA_MAX, HEAPS)
    threading.Thread(target=_give_back, args=(libc,), name="heap", daemon=True).start()


def set_aside() -> None:
    """Spare the garbage collector all that is there now; to be called once, by a service that is about to serve.

    The modules and what was built of them live as long as the process, and a full collection waits until a quarter as
    much has come since the last. Without them it is over in a moment and comes often, so that what calls leave behind
    in cycles, as those of gRPC do, does not pile up for hours.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # counts what is left


def _give_back(libc: ctypes.CDLL) -> None:
    """Every now and then, all that is free: small pieces that live on would hold what lies between them for ever."""
    while True:
        time.sleep(KEPT_S)
        libc.malloc_trim(0)
