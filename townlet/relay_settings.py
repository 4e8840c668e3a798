"""The `relay` section of a configuration."""

from townlet.settings import Address, Settings


class RelaySettings(Settings):
    """A process that passes policies on to many actors, so that the learner has few subscribers: one a machine.

    address: where it listens.
    policies_from: whom it follows: another relay; null: the learner.
    """

    address: Address = "127.0.0.1:50054"
    policies_from: Address | None = None
