"""Somebody at a terminal who pins, copies and unpins the newest version: `python -m chaos.operator ROOT COPY`."""

import sys
from datetime import UTC, datetime

from townlet.checkpoint.branch import branch
from townlet.checkpoint.store import VersionStore

if __name__ == "__main__":
    store, copy = VersionStore(sys.argv[1]), VersionStore(sys.argv[2])
    version = store.newest()
    if version is not None:
        store.pin(version)
        branch(store, version, copy, "copy", datetime.now(UTC))
        store.unpin(version)
