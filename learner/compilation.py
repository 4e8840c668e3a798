"""The loss as code that torch makes for it."""

import torch

from learner.loss import LossOf
from townlet.errors import ConfigError


def compiled(loss: LossOf, device: torch.device) -> LossOf:
    """The same loss, whose passes are compiled when it is first asked for, for these networks and batches of that size.

    Raises ConfigError when nothing can be compiled for the device on this machine.
    """
    try:
        torch.compile(torch.square)(torch.ones(2, device=device))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"learner.compile: expected a machine that can compile for {device}, found: {reason}; install a C++ "
            "compiler such as g++, or set learner.compile to false"
        ) from None
    return torch.compile(loss, dynamic=False)
