"""Which operations of torch take the time of a step, for benchmarks that are asked to say so (`--profile`)."""

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

STEPS = 100


def print_profile(name: str, step: Callable[[], None]) -> None:
    """Of some steps on the CPU, those that take the most first."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(STEPS):
            step()
    print(f"{name}, {STEPS} steps:")
    print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=40))
