"""The other ranks of a learner: they learn, and nothing else. What they know of the run, the first rank tells them."""

import numpy as np

from learner.batch import Source
from learner.hand_outs import Ending, HandOuts, Kind
from learner.several import Several
from learner.share import ShareCodec
from learner.state import digest_of, tensors_of
from learner.update import QLearning
from townlet.errors import RankError, StartOverError

NOWHERE = Source(np.empty(0, np.uint64), np.empty(0, np.int64))
"""Where a share comes from is the first rank's business."""


def follow(learning: QLearning, hand_outs: HandOuts, several: Several, codec: ShareCodec, *, starts_over: bool) -> None:
    """Do what the first rank says until it ends.

    starts_over: as the first rank does, for which StartOverError is raised; else the first rank starts another process.
    Raises RankError when it is gone or has failed, NumericalError as it does.
    """
    while True:
        message, share = hand_outs.receive()
        match message.kind:
            case Kind.LEARN:
                learning.learn(codec.decode(share, NOWHERE), message.rates)
            case Kind.BEAT:
                several.beat()
            case Kind.TAKE_UP:
                several.spread(list(tensors_of(learning).values()))
                learning.updates = message.value
            case Kind.COMPARE:
                several.others(digest_of(learning))
            case Kind.LEAVE if message.value == Ending.FAILED:
                raise RankError("the first rank of the learner has failed: its log says why")
            case Kind.LEAVE if message.value == Ending.STARTS_OVER and starts_over:
                raise StartOverError("the first rank of the learner starts over")
            case Kind.LEAVE:
                return
