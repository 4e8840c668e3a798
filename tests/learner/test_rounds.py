"""Actors meet at the end of a round, and nobody goes on before all are there."""

import asyncio

import pytest

from learner.rounds import Rounds
from protos import control_pb2
from townlet.errors import MismatchError, StartOverError, UnavailableError


def ended(actor: str, round: int) -> control_pb2.EndRoundRequest:
    return control_pb2.EndRoundRequest(report=control_pb2.ReportRequest(member=actor), round=round)


def run(scenario) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_all_stand_still_until_the_learner_lets_them_go_on():
    async def scenario():
        rounds = Rounds(("a", "b"), 4)
        all_ended = asyncio.create_task(rounds.all_ended())
        second = asyncio.create_task(rounds.end(ended("b", 4), 10))
        await asyncio.sleep(0.01)
        assert rounds.missing() == ["a"]
        assert not (await rounds.end(ended("a", 4), 0.01)).go_on  # its time is up; it calls again
        first = asyncio.create_task(rounds.end(ended("a", 4), 10))
        assert [each.report.member for each in await all_ended] == ["a", "b"]
        assert not first.done()
        await rounds.go_on(hold_version=9)
        for each in (first, second):
            answer = await each
            assert (answer.go_on, answer.hold_version) == (True, 9)
        assert (await rounds.end(ended("b", 4), 10)).hold_version == 9  # again, after a lost answer
        assert rounds.missing() == ["a", "b"]

    run(scenario)


def test_an_actor_that_restarts_takes_everybody_back():
    async def scenario():
        rounds = Rounds(("a", "b"), 0)
        await rounds.admit("a", "first")
        await rounds.admit("a", "first")
        await rounds.admit("b", "first")
        waiting = asyncio.create_task(rounds.all_ended())
        standing = asyncio.create_task(rounds.end(ended("b", 0), 10))
        await asyncio.sleep(0.01)
        with pytest.raises(UnavailableError, match="the run goes back to a version: a has restarted in round 0"):
            await rounds.admit("a", "second")
        with pytest.raises(StartOverError, match="a has restarted"):
            await waiting
        with pytest.raises(UnavailableError):
            await standing
        with pytest.raises(UnavailableError):
            await rounds.admit("b", "first")

    run(scenario)


def test_strangers_and_actors_ahead_of_the_run_are_refused():
    async def scenario():
        rounds = Rounds(("a",), 3)
        with pytest.raises(MismatchError, match="c: expected one of a, whom lockstep waits for"):
            await rounds.admit("c", "x")
        with pytest.raises(MismatchError, match="a: expected to end round 3, found 5"):
            await rounds.end(ended("a", 5), 1)

    run(scenario)


def test_a_run_that_goes_back_to_a_version_ends_no_round_any_more():
    async def scenario():
        rounds = Rounds(("a",), 4)
        all_ended = asyncio.create_task(rounds.all_ended())
        await asyncio.sleep(0)
        await rounds.go_back("somebody asked for it")
        with pytest.raises(StartOverError, match="somebody asked for it"):
            await all_ended
        with pytest.raises(UnavailableError, match="the run goes back to a version: somebody asked for it"):
            await rounds.end(ended("a", 4), 1)

    run(scenario)
