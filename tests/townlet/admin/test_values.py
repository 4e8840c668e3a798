"""Messages become plain values: nothing is left out, and numbers stay numbers."""

from protos import admin_pb2 as pb
from townlet.admin.values import to_values


def test_every_field_is_there_and_of_its_type():
    member = pb.Member(name="actor-0", state=pb.MEMBER_STATE_PRESENT, environment_steps=2**40)
    values = to_values(pb.ListMembersResponse(members=[member]))
    (told,) = values["members"]
    assert set(told) == {field.name for field in pb.Member.DESCRIPTOR.fields}
    assert (told["name"], told["state"], told["environment_steps"], told["silence_s"]) == (
        "actor-0",
        "present",
        2**40,
        None,
    )
    assert to_values(pb.VersionSummary(counters={"updates": 7}))["counters"] == {"updates": 7}


def test_of_fields_that_exclude_one_another_only_that_which_is_there_is_told():
    assert to_values(pb.RestoreVersionResponse(committed_version=3)) == {"committed_version": 3}
    verified = to_values(pb.RestoreVersionResponse(verified=pb.VersionProgress(component="learner")))
    assert verified == {"verified": {"component": "learner", "bytes_done": 0, "bytes_total": 0}}
    assert to_values(pb.SetValue(key="k")) == {"key": "k", "value": None, "configured": None}
