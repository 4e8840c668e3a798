"""When an actor that was told to stop leaves. Pure: times are arguments, in seconds since any fixed moment."""

GONE_S = 1.0
"""A learner that has not answered for so long is gone."""
PUSH_S = 3.0
"""So long an actor that the learner lets go waits for the acknowledgement of what it has pushed."""


class Departure:
    """grace_s: the actor stays for so long at most."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._told_s: float | None = None
        self._answered_s = 0.0
        self._let_go_s: float | None = None

    def hear(self, now_s: float) -> None:
        """The learner has answered."""
        self._answered_s = now_s

    def is_due(self, now_s: float, *, let_go: bool) -> bool:
        """Whether the actor shall act no more; asked once it was told to stop. let_go: whether the learner said so."""
        self._told_s = now_s if self._told_s is None else self._told_s
        if let_go and self._let_go_s is None:
            self._let_go_s = now_s
        return let_go or self._is_alone(now_s)

    def is_over(self, now_s: float) -> bool:
        """Whether it shall not wait for anything either."""
        pushed = self._let_go_s is not None and now_s - self._let_go_s >= PUSH_S
        return pushed or self._is_alone(now_s)

    def _is_alone(self, now_s: float) -> bool:
        """The learner is gone, or takes too long."""
        late = self._told_s is not None and now_s - self._told_s >= self._grace_s
        return late or now_s - self._answered_s >= GONE_S
