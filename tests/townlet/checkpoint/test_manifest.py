"""A manifest is read as it was written, whatever its age, or refused."""

import json

import pytest
from pydantic import ValidationError
from small_versions import make_manifest

from townlet.checkpoint.manifest import FileRecord, _sealed, decode_manifest, encode_manifest
from townlet.errors import CheckpointError

DIGEST = "0" * 64


def record(path: str, component: str = "learner") -> FileRecord:
    return FileRecord(path=path, size=1, sha256=DIGEST, component=component)


def small(*paths: str, **about):
    files = tuple(record(path) for path in paths or ("000042/learner.json", "segments/learner/a"))
    return make_manifest(about.pop("version", 42), files, **{"members": ("learner",), **about})


def test_a_manifest_comes_back_as_it_was():
    manifest = small(parent=41, metrics={"loss": 0.1, "survival": 1e22}, counters={"updates": 2**70})
    assert decode_manifest(encode_manifest(manifest), "here") == manifest


def test_every_flipped_bit_is_found():
    content = encode_manifest(small())
    for place in range(len(content)):
        for bit in range(8):
            altered = bytearray(content)
            altered[place] ^= 1 << bit
            with pytest.raises(CheckpointError, match="here"):
                decode_manifest(bytes(altered), "here")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"null", b'{"format": "1"}', b"\xff", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(content):
    with pytest.raises(CheckpointError, match="here: expected a manifest"):
        decode_manifest(content, "here")


def test_a_newer_format_is_refused_by_its_number_whatever_else_it_holds():
    content = json.dumps({"format": 2, "anything": "else"}).encode()
    with pytest.raises(CheckpointError, match="expected format 1 or older, found 2: a newer Townlet wrote it"):
        decode_manifest(content, "here")


def test_an_older_format_is_brought_up_step_by_step():
    raw = small().model_dump(mode="json")
    ancient = {**raw, "format": -1, "name": raw["run"]}
    del ancient["run"], ancient["schedule"]
    migrations = {
        -1: lambda old: {
            **{key: value for key, value in old.items() if key != "name"},
            "format": 0,
            "run": old["name"],
        },
        0: lambda old: {**old, "format": 1, "schedule": "lockstep"},
    }
    assert decode_manifest(_sealed(ancient), "here", migrations) == small()


def test_an_older_format_that_nothing_brings_up_is_refused():
    with pytest.raises(CheckpointError, match="expected format 1, found 0"):
        decode_manifest(_sealed({**small().model_dump(mode="json"), "format": 0}), "here")


def test_an_unknown_key_is_refused():
    with pytest.raises(CheckpointError, match="here: colour: Extra inputs"):
        decode_manifest(_sealed({**small().model_dump(mode="json"), "colour": "red"}), "here")


@pytest.mark.parametrize(
    ("paths", "about", "fault"),
    [
        (("000041/learner.json",), {}, "found 000041/learner.json"),
        (("000042/../x",), {}, r"found 000042/\.\./x"),
        (("/etc/passwd",), {}, "found /etc/passwd"),
        (("segments/replay-0/a",), {}, "found segments/replay-0/a"),
        (("000042/.hidden",), {}, "found 000042/.hidden"),
        (("000042/a", "000042/a"), {}, "each file once, found 000042/a"),
        ((), {"members": ("learner", "actor-0")}, "found actor-0 without the other"),
        ((), {"members": ()}, "found learner without the other"),
        ((), {"members": ("learner", "learner")}, "each member once"),
        ((), {"metrics": {"loss": float("nan")}}, "finite"),
        ((), {"version": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_a_version_is_refused(paths, about, fault):
    with pytest.raises(ValidationError, match=fault):
        small(*paths, **about)
