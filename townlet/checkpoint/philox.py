"""NumPy's counter-based random streams, saved and taken up."""

import numpy as np

from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State

_FORMS = {
    "counter": Form("uint64", (4,)),
    "key": Form("uint64", (2,)),
    "buffer": Form("uint64", (4,)),
    "buffer_position": Form("int", least=0, most=4),
    "half": Form("int", least=-1, most=2**32 - 1),
}


def state(generator: np.random.Generator) -> State:
    """Where a Philox stream stands. half: the 32 bits left over from the last draw; -1 for none."""
    whole = generator.bit_generator.state
    return {
        "counter": whole["state"]["counter"].copy(),
        "key": whole["state"]["key"].copy(),
        "buffer": whole["buffer"].copy(),
        "buffer_position": int(whole["buffer_pos"]),
        "half": int(whole["uinteger"]) if whole["has_uint32"] else -1,
    }


def load_state(generator: np.random.Generator, saved: State) -> None:
    """Put a Philox stream there. Raises CheckpointError when it cannot be a state, and then nothing has changed."""
    check_forms("saved random stream", saved, _FORMS)
    generator.bit_generator.state = {
        "bit_generator": "Philox",
        "state": {"counter": saved["counter"].copy(), "key": saved["key"].copy()},
        "buffer": saved["buffer"].copy(),
        "buffer_pos": saved["buffer_position"],
        "has_uint32": int(saved["half"] >= 0),
        "uinteger": max(0, saved["half"]),
    }
