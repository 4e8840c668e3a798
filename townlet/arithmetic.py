"""How torch calculates in a process."""

import torch


def calculate(*, threads: int) -> None:
    """From here on, with so many threads, this one among them, and with zero for denormal numbers, where CPUs can.

    Gradients that vanish on their way through time end as such numbers, and CPUs are many times slower with them.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
