"""Small versions of a made-up run: a learner, two actors and a shard."""

from datetime import UTC, datetime

import numpy as np

from townlet.checkpoint.branch import branch
from townlet.checkpoint.manifest import FileRecord, Manifest
from townlet.checkpoint.store import VersionStore

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MEMBERS = ("learner", "actor-0", "actor-1", "replay-0")


def learner_state(version: int) -> dict:
    import torch  # not where processes fork

    generator = torch.Generator().manual_seed(version)
    return {
        "networks": {"online": {"0.weight": torch.randn(3, 4, generator=generator)}, "empty": {}},
        "updates": 10 * version,
        "stream": [2**127 + version, 7],
    }


def actor_state(version: int, actor: int) -> dict:
    return {"lanes": np.arange(4, dtype=np.uint64) + 100 * version + actor, "actor": actor, "steps": version}


def segment(number: int) -> bytes:
    return np.random.default_rng(number).bytes(100)


def make_manifest(version: int, files: tuple[FileRecord, ...], **about) -> Manifest:
    return Manifest(
        **{
            "version": version,
            "run": "test",
            "parent": None,
            "created_at": NOON,
            "config_digest": "c",
            "layout_digest": "l",
            "schedule": "lockstep",
            "counters": {"updates": 10 * version},
            "metrics": {"survival": float(version)},
            "members": MEMBERS,
            "files": files,
            **about,
        }
    )


def prepare(store: VersionStore, version: int, segments: tuple[int, ...] = (1, 2)) -> tuple[FileRecord, ...]:
    """All files of a version; numbered segments of the shard."""
    files = [*store.write_state(version, "learner", learner_state(version))]
    files.append(store.write(version, "learner", "policy.safetensors", b"policy %d" % version))
    for actor in (0, 1):
        files += store.write_state(version, f"actor-{actor}", actor_state(version, actor))
    files.append(store.write(version, "replay-0", "replay-0.index", b"index %d" % version))
    files += [store.write_segment("replay-0", segment(number)) for number in segments]
    return tuple(files)


def commit(store: VersionStore, version: int, segments: tuple[int, ...] = (1, 2), **about) -> Manifest:
    manifest = make_manifest(version, prepare(store, version, segments), **about)
    store.commit(manifest)
    return manifest


def prepare_tiny(store: VersionStore, version: int, segments: tuple[int, ...]) -> tuple[FileRecord, ...]:
    """All files of a version of one member, without torch."""
    files = [*store.write_state(version, "actor-0", actor_state(version, 0))]
    return (*files, *(store.write_segment("actor-0", segment(number)) for number in segments))


def commit_tiny(store: VersionStore, version: int, segments: tuple[int, ...]) -> None:
    store.commit(make_manifest(version, prepare_tiny(store, version, segments), members=("actor-0",)))


def life(folder: str) -> None:
    """Everything that a store does, once: version 1 was there before; 2 comes and is pinned; 3 is aborted; 1 goes."""
    store = VersionStore(folder)
    commit_tiny(store, 2, (2, 3))
    store.pin(2)
    prepare_tiny(store, 3, (4,))
    store.abort(3)
    store.delete(1)
    store.collect()
    prepare_tiny(store, 5, (5,))
    store.sweep()
    branch(store, 2, VersionStore(f"{folder}-branch"), "other", NOON)
