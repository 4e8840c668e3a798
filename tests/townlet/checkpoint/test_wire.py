"""Records of files cross the wire as they are."""

import pytest

from protos.version_pb2 import VersionFile
from townlet.checkpoint.manifest import FileRecord
from townlet.checkpoint.wire import decode_files, encode_files
from townlet.errors import InvalidRequestError


def test_records_come_back_as_they_were():
    records = tuple(
        FileRecord(path=f"000001/{name}.json", size=2**40, sha256="ab" * 32, component=name) for name in ("a", "b")
    )
    assert decode_files(VersionFile.FromString(file.SerializeToString()) for file in encode_files(records)) == records


def test_what_is_no_record_is_refused():
    with pytest.raises(InvalidRequestError, match=r"files of a version: sha256: .* found 'x'"):
        decode_files([VersionFile(path="000001/a.json", size=1, sha256="x", component="a")])
