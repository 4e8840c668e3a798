"""The short form of the campaign: some hostile messages to every RPC, and everybody stands; and who falls is seen."""

import asyncio

import grpc
import pytest

from chaos.hostile.campaign import paths_of, shoot
from chaos.hostile.fire import Tally, fire_within
from chaos.hostile.services import services

WITHIN, THROUGH_SOCKET = 80, 5


@pytest.mark.timeout(300)
@pytest.mark.parametrize("schedule", ["async", "lockstep"])
def test_hostile_messages_to_every_rpc_are_answered_as_such(short_folder, schedule):
    told: list[str] = []
    with services(short_folder / "h", schedule) as served:
        paths = [(server, path) for server in (served.shard, served.learner) for path in paths_of(server)]
        assert {path for _, path in paths} == served.shard.handlers.keys() | served.learner.handlers.keys()
        shots = [shoot(served, server, path, 1, WITHIN, THROUGH_SOCKET, told.append) for server, path in paths]
    assert len(shots) > 40
    for shot in shots:
        assert shot.good, (shot.path, shot.failures, shot.within.wrong, shot.through_socket.wrong)
    assert served.failures == []


def answering(answer):
    return grpc.unary_unary_rpc_method_handler(answer, bytes, bytes)


async def crash(message, context):
    return 1 / len(message)


async def hang(message, context):
    await asyncio.sleep(600)


async def refuse(message, context):
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")


@pytest.mark.parametrize(
    ("answer", "answers", "wrong"),
    [
        (crash, {"UNKNOWN": 3}, "ZeroDivisionError"),
        (hang, {"WENT_AWAY": 3}, ""),
        (refuse, {"INVALID_ARGUMENT": 3}, ""),
    ],
)
def test_a_crash_is_seen_for_what_it_is(answer, answers, wrong):
    tally = Tally()
    asyncio.run(fire_within(answering(answer), [b"", b"", b""], tally, 2, 0.05))
    assert tally.answers == answers
    assert bool(tally.wrong) is bool(wrong)
    assert all(wrong in what for what in tally.wrong)
