"""A manifest is read as it was written, whatever its age, or refused."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from small_versions import make_manifest

from townlet.checkpoint.manifest import FORMAT, MIGRATIONS, FileRecord, _sealed, decode_manifest, encode_manifest
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
    content = json.dumps({"format": FORMAT + 1, "anything": "else"}).encode()
    told = f"expected format {FORMAT} or older, found {FORMAT + 1}: a newer Townlet wrote it"
    with pytest.raises(CheckpointError, match=told):
        decode_manifest(content, "here")


def test_a_manifest_that_an_older_townlet_wrote_is_read():
    content = Path(__file__).with_name("manifest_of_format_1.json").read_bytes()
    files = (record("000042/learner.json"), record("000042/replay-0.json", "replay-0"))
    written = make_manifest(42, files, members=("learner", "replay-0"), parent=41)
    assert decode_manifest(content, "here") == written
    assert written.config is None
    altered = content.replace(b'"run": "test"', b'"run": "mine"')
    with pytest.raises(CheckpointError, match=r"here: expected digest .* the file was altered"):
        decode_manifest(altered, "here")


def test_every_older_format_can_be_brought_up():
    assert sorted(MIGRATIONS) == list(range(1, FORMAT))


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
        0: lambda old: {**old, "format": FORMAT, "schedule": "lockstep"},
    }
    assert decode_manifest(_sealed(ancient), "here", migrations) == small()


def test_an_older_format_that_nothing_brings_up_is_refused():
    with pytest.raises(CheckpointError, match=f"expected format {FORMAT}, found 0"):
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
