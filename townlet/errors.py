"""Every error a user can meet, as one small tree.

    TownletError
    ├── ConfigError           a configuration, level file, override or argument is wrong       exit 2
    ├── UnavailableError      something needed is not there now; trying again may help         exit 1
    ├── MismatchError         two parts disagree on the run, the configuration or the layout   exit 1
    │   └── ForeignVersionError  a version is not one of this run as it is configured         exit 2
    ├── RefusedError          what was asked for cannot be done as things stand                exit 1
    ├── FencedError           a newer incarnation of this member has taken over                exit 1
    ├── SequenceError         an append left a gap behind it                                   exit 1
    ├── UnauthenticatedError  a token is needed, and there is none, or none that is known      exit 1
    ├── ForbiddenError        whoever calls may not call this                                 exit 1
    ├── UnknownMemberError    the learner does not know this member (any more)                 exit 1
    ├── InvalidRequestError   a message is malformed or out of bounds                          exit 1
    ├── WorldError            an environment is not what it declares, or fails again and again  exit 2
    ├── NumericalError        a NaN or an infinity where a finite number must be               exit 1
    ├── RankError             another rank of the learner is gone, or is not what it must be   exit 1
    ├── CheckpointError       state cannot be saved, or is missing or damaged                  exit 2
    └── StartOverError        the run is taken back to a version: this process starts over     none: it starts over

Exit 2: starting the process again would not help. A message is one sentence that says what, where, what was expected
and what was found. These are shown without a traceback; anything else that escapes is a bug of ours and keeps its
traceback.
"""


class TownletError(Exception):
    """Root of the tree."""

    exit_code = 1


class ConfigError(TownletError):
    """A configuration, level file, override or argument is wrong."""

    exit_code = 2


class UnavailableError(TownletError):
    """Something needed is not there now; trying again may help."""


class MismatchError(TownletError):
    """Two parts disagree on the run, the configuration or the layout."""


class ForeignVersionError(MismatchError):
    """A version is not one of this run as it is configured."""

    exit_code = 2


class RefusedError(TownletError):
    """What was asked for cannot be done as things stand."""


class FencedError(TownletError):
    """A newer incarnation of this member has taken over."""


class SequenceError(TownletError):
    """An append left a gap behind it."""


class UnauthenticatedError(TownletError):
    """A token is needed, and there is none, or none that is known (any more)."""


class ForbiddenError(TownletError):
    """Whoever calls may not call this."""


class UnknownMemberError(TownletError):
    """The learner does not know this member (any more)."""


class InvalidRequestError(TownletError):
    """A message is malformed or out of bounds."""


class WorldError(TownletError):
    """An environment is not what it declares, or fails again and again; starting the process again would not help."""

    exit_code = 2


class NumericalError(TownletError):
    """A NaN or an infinity where a finite number must be."""


class RankError(TownletError):
    """Another rank of the learner is gone, or is not what it must be: all ranks end, and are started again."""


class CheckpointError(TownletError):
    """State cannot be saved as it is, or saved state is missing, damaged or of another kind."""

    exit_code = 2


class StartOverError(TownletError):
    """The run is taken back to a version: this process starts over, as a new incarnation. Never crosses the wire."""
