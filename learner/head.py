"""The head of the run: who its members are and what they have done.

Pure: no clock, network or lock; times are arguments, in seconds since any fixed moment.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from itertools import chain, count, zip_longest
from math import inf
from typing import Any

from learner.goal import KEEP, EvaluationPoint, Evaluations
from protos import control_pb2
from townlet.errors import FencedError, RefusedError, UnknownMemberError
from townlet.evaluation_settings import GoalSettings
from townlet.ordinal import actor_name

SURVIVAL_WINDOW_EPISODES = 100
SILENCE_S = 10.0
"""A member that has not spoken for so long is away."""
REPORTS_PER_S = 200.0
"""All members together report no more often, as long as none of them has to be silent for half of that."""


class State(Enum):
    """How a member is."""

    PRESENT = "present"
    DRAINING = "draining"
    LEFT = "left"
    AWAY = "away"


@dataclass
class Member:
    """One member as it last reported. Counters are totals of this incarnation.

    draining: it was asked to leave. left: it has said that it leaves; its place is kept for its next incarnation.
    joins: how many incarnations of it there have been. starting: an actor without a past that does not act yet.
    """

    role: int
    incarnation: str
    lanes: int = 0
    first_lane: int = 0
    environment_steps: int = 0
    next_episode: int = 0
    dropped_episodes: int = 0
    policy_version: int = 0
    next_stage_change: int = 0
    lanes_at_stage: list[int] = field(default_factory=list)
    draining: bool = False
    left: bool = False
    joins: int = 1
    starting: bool = False


@dataclass
class Head:
    """The run's books.

    past_environment_steps, past_episodes, past_dropped_episodes: what incarnations that are gone had done.
    started_s: when the first actor joined, just before its first step; None until then.
    survival, returns: steps and return of the last finished episodes.
    advances, retreats: changes of a lane's stage in the curriculum.
    """

    members: dict[str, Member] = field(default_factory=dict)
    past_environment_steps: int = 0
    past_episodes: int = 0
    past_dropped_episodes: int = 0
    started_s: float | None = None
    survival: deque[int] = field(default_factory=lambda: deque(maxlen=SURVIVAL_WINDOW_EPISODES))
    returns: deque[float] = field(default_factory=lambda: deque(maxlen=SURVIVAL_WINDOW_EPISODES))
    evaluations: Evaluations = field(default_factory=Evaluations)
    advances: int = 0
    retreats: int = 0

    def __post_init__(self) -> None:
        self._episode_listeners: list[Callable[[int], None]] = []
        self._heard_s: dict[str, float] = {}

    def on_episode(self, listener: Callable[[int], None]) -> None:
        """Tell the listener the steps of each finished episode from now on, once."""
        self._episode_listeners.append(listener)

    @property
    def environment_steps(self) -> int:
        """Of the whole run, over all lanes."""
        return self.past_environment_steps + sum(member.environment_steps for member in self.members.values())

    @property
    def episodes(self) -> int:
        """Finished in the whole run."""
        return self.past_episodes + sum(member.next_episode for member in self.members.values())

    @property
    def dropped_episodes(self) -> int:
        """Abandoned in the whole run, because their environment failed."""
        return self.past_dropped_episodes + sum(member.dropped_episodes for member in self.members.values())

    @property
    def actors(self) -> list[Member]:
        """The members that act."""
        return [member for member in self.members.values() if _acts(member)]

    @property
    def ladder_lanes(self) -> int:
        """Lanes of all actors: places on the ladder of epsilons."""
        return max((member.first_lane + member.lanes for member in self.members.values() if member.lanes), default=1)

    def present_ladder_lanes(self, now_s: float) -> int:
        """The same up to the last place whose actor is there, so that few actors explore as widely as many; or 0."""
        present = [self.members[name] for name in self.present_actors(now_s)]
        return max((member.first_lane + member.lanes for member in present), default=0)

    @property
    def lanes_at_stage(self) -> list[int]:
        """Lanes of all actors at each stage of the curriculum; empty where it is static."""
        return [sum(lanes) for lanes in zip_longest(*(actor.lanes_at_stage for actor in self.actors), fillvalue=0)]

    @property
    def mean_survival(self) -> float | None:
        """Steps, over the last finished episodes; None before the first."""
        return sum(self.survival) / len(self.survival) if self.survival else None

    @property
    def mean_return(self) -> float | None:
        """Of the last finished episodes; None before the first."""
        return sum(self.returns) / len(self.returns) if self.returns else None

    @property
    def report_period_s(self) -> float:
        """Seconds that each member lets pass between its reports, at least."""
        return min(len(self.members) / REPORTS_PER_S, SILENCE_S / 2)

    def present_actors(self, now_s: float) -> list[str]:
        """Names of the actors that have spoken lately."""
        return [
            name for name, member in self.members.items() if _acts(member) and self.silence_s(name, now_s) <= SILENCE_S
        ]

    def acting(self, now_s: float) -> list[str]:
        """Names of the present actors of which there is something that a version has to hold."""
        return [name for name in self.present_actors(now_s) if not self.members[name].starting]

    def silence_s(self, name: str, now_s: float) -> float:
        """Seconds since a member has last spoken; infinite when it has not since this process began."""
        return now_s - self._heard_s.get(name, -inf)

    def state_of(self, name: str, now_s: float) -> State:
        """How a member is."""
        member = self.members[name]
        if member.left:
            return State.LEFT
        if self.silence_s(name, now_s) > SILENCE_S:
            return State.AWAY
        return State.DRAINING if member.draining else State.PRESENT

    def training_s(self, now_s: float) -> float:
        """Seconds since the first environment step."""
        return 0.0 if self.started_s is None else now_s - self.started_s

    def free_name(self, incarnation: str, now_s: float, first: Iterable[str] = ()) -> str:
        """Of the lowest place whose actor is not there, for an incarnation that asks for any; or what it has already.

        first: names that are given away before all others.
        """
        mine = (name for name, member in self.members.items() if member.incarnation == incarnation)
        places = chain(first, map(actor_name, count()))
        return next(mine, None) or next(name for name in places if not self._is_held(name, now_s))

    def check_not_replaced(self, request: control_pb2.JoinRequest) -> None:
        """Raises FencedError for one that comes again, and whose name another process has taken in the meantime.

        A name that nobody has used since this learner began is its own: those whom a version names may be gone.
        """
        known = self.members.get(request.member)
        if request.again and known and known.incarnation != request.incarnation and request.member in self._heard_s:
            raise FencedError(f"{request.member}: another process has joined under this name")

    def join(
        self, request: control_pb2.JoinRequest, now_s: float, place: int | None = None, *, starting: bool = False
    ) -> int:
        """Make a member, or meet it again; the place of its first lane, which is `place` where that is fixed."""
        self._heard_s[request.member] = now_s
        known = self.members.get(request.member)
        if known is not None and known.incarnation == request.incarnation:
            return known.first_lane
        if known is None:
            first_lane = sum(member.lanes for member in self.members.values()) if place is None else place
        else:
            first_lane = known.first_lane
            self.past_environment_steps += known.environment_steps
            self.past_episodes += known.next_episode
            self.past_dropped_episodes += known.dropped_episodes
        joins = known.joins + 1 if known else 1
        self.members[request.member] = Member(
            request.role, request.incarnation, request.lanes, first_lane, joins=joins, starting=starting
        )
        if self.started_s is None and request.role == control_pb2.ROLE_ACTOR:
            self.started_s = now_s
        return first_lane

    def report(self, request: control_pb2.ReportRequest, now_s: float) -> int:
        """Count what is new in a report; the number of the member's next episode. Raises UnknownMemberError."""
        member = self._reporting(request)
        self._heard_s[request.member] = now_s
        member.starting = request.starting
        member.environment_steps = max(member.environment_steps, request.environment_steps)
        member.dropped_episodes = max(member.dropped_episodes, request.dropped_episodes)
        for episode in request.episodes:
            if episode.number >= member.next_episode:
                member.next_episode = episode.number + 1
                self.survival.append(episode.steps)
                self.returns.append(episode.extrinsic_return)
                for listener in self._episode_listeners:
                    listener(episode.steps)
        for evaluation in request.evaluations:
            self.evaluations.add(
                EvaluationPoint(
                    evaluation.updates,
                    self.training_s(now_s),
                    evaluation.mean_survival,
                    evaluation.standard_error,
                    evaluation.mean_return,
                    evaluation.return_standard_error,
                    {sys.intern(name): figure for name, figure in evaluation.habits.items()},
                )
            )
        return member.next_episode

    def report_stages(self, request: control_pb2.ReportRequest) -> tuple[list[control_pb2.StageChange], int]:
        """Count the changes of stage that are new in a report; these, and the number of the member's next one.

        Raises UnknownMemberError.
        """
        member = self._reporting(request)
        new = [change for change in request.stage_changes if change.number >= member.next_stage_change]
        for change in new:
            member.next_stage_change = change.number + 1
            self.advances += change.to_stage > change.from_stage
            self.retreats += change.to_stage < change.from_stage
        member.lanes_at_stage = list(request.lanes_at_stage) or member.lanes_at_stage
        return new, member.next_stage_change

    def drain(self, name: str, now_s: float) -> None:
        """Ask an actor to leave. Raises RefusedError when there is none that could."""
        member = self.members.get(name)
        if member is None or member.role != control_pb2.ROLE_ACTOR:
            actors = ", ".join(sorted(name for name, each in self.members.items() if each.lanes)) or "none"
            raise RefusedError(f"drain {name}: expected an actor of this run ({actors})")
        if not member.left and self.silence_s(name, now_s) > SILENCE_S:
            raise RefusedError(f"drain {name}: expected an actor that is there, found it silent for {SILENCE_S:g} s")
        member.draining = True

    def leave(self, name: str, incarnation: str) -> None:
        """A member has made its last report. Raises UnknownMemberError."""
        self._incarnation(name, incarnation).left = True

    def hear(self, name: str, incarnation: str, now_s: float) -> None:
        """A member has spoken. Raises UnknownMemberError."""
        self._incarnation(name, incarnation)
        self._heard_s[name] = now_s

    def acknowledge(self, versions: Mapping[str, int]) -> None:
        """Members act with these versions of the policy now; who is no member is passed over."""
        for name in self.members.keys() & versions.keys():
            self.members[name].policy_version = versions[name]

    def state(self, now_s: float) -> dict[str, Any]:
        """The books as plain values."""
        return {
            "members": {name: asdict(member) for name, member in self.members.items()},
            "past_environment_steps": self.past_environment_steps,
            "past_episodes": self.past_episodes,
            "past_dropped_episodes": self.past_dropped_episodes,
            "started_s": None if self.started_s is None else -self.training_s(now_s),
            "survival": list(self.survival),
            "returns": list(self.returns),
            **self.evaluations.state(),
            "advances": self.advances,
            "retreats": self.retreats,
        }

    @classmethod
    def from_state(
        cls, books: dict[str, Any], now_s: float, goal: GoalSettings | None = None, keep: int = KEEP
    ) -> "Head":
        """The head whose `state` this was; time has stood still in between. goal, keep: see `Evaluations`."""
        return cls(
            members={name: Member(**member) for name, member in books["members"].items()},
            past_environment_steps=books["past_environment_steps"],
            past_episodes=books["past_episodes"],
            past_dropped_episodes=books["past_dropped_episodes"],
            started_s=None if books["started_s"] is None else now_s + books["started_s"],
            survival=deque(books["survival"], maxlen=SURVIVAL_WINDOW_EPISODES),
            returns=deque(books["returns"], maxlen=SURVIVAL_WINDOW_EPISODES),
            evaluations=Evaluations.from_state(goal, books, keep),
            advances=books["advances"],
            retreats=books["retreats"],
        )

    def _is_held(self, name: str, now_s: float) -> bool:
        member = self.members.get(name)
        return member is not None and not member.left and self.silence_s(name, now_s) <= SILENCE_S

    def _reporting(self, request: control_pb2.ReportRequest) -> Member:
        return self._incarnation(request.member, request.incarnation)

    def _incarnation(self, name: str, incarnation: str) -> Member:
        member = self._known(name)
        if member.incarnation != incarnation:
            raise UnknownMemberError(f"{name}: another incarnation has joined; join again")
        return member

    def _known(self, name: str) -> Member:
        try:
            return self.members[name]
        except KeyError:
            raise UnknownMemberError(f"{name}: not a member of this run (the learner may have restarted)") from None


def _acts(member: Member) -> bool:
    return member.role == control_pb2.ROLE_ACTOR and not member.left
