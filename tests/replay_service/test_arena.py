"""Windows and slices against a brute-force twin that looks at each record by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_service.arena import Arena, Slice

STRIDE = 5


def episode(number: int, steps: int) -> bytes:
    """T + 1 records, each of which names its episode and step."""
    rows = np.zeros((steps + 1, STRIDE), np.uint8)
    rows[:, 0] = number
    rows[:, 1] = np.arange(steps + 1)
    rows[:, 2:] = 7 * number + np.arange(STRIDE - 2)
    return rows.tobytes()


def filled(capacity: int, lengths: list[int]) -> tuple[Arena, dict[int, tuple[int, int, int]]]:
    """An arena that dropped what did not fit, and position -> (episode, step, steps) of what it holds."""
    arena = Arena(capacity, STRIDE)
    held: list[dict[int, tuple[int, int, int]]] = []
    for number, steps in enumerate(lengths):
        while capacity - len(arena) < steps + 1:
            arena.drop(len(held.pop(0)))
        first = arena.write(episode(number, steps))
        held.append({first + step: (number, step, steps) for step in range(steps + 1)})
    return arena, {position: where for part in held for position, where in part.items()}


def gathered(arena: Arena, windows: np.ndarray, part: Slice) -> np.ndarray:
    """uint8 [N, S, size], written between bytes that stay as they were."""
    size = len(windows) * part.steps * part.size
    memory = np.full(size + 2, 0xAB, np.uint8)
    arena.gather(windows, part, memory[1:-1])
    assert memory[0] == memory[-1] == 0xAB
    return memory[1:-1].reshape(len(windows), part.steps, part.size)


lengths = st.lists(st.integers(1, 9), min_size=1, max_size=30)


@given(lengths, st.integers(0, 4), st.integers(1, 6))
def test_a_window_is_the_nearest_record_of_its_episode_at_each_step(lengths, before, after):
    arena, held = filled(23, lengths)
    starts = np.array([position for position, (_, step, steps) in held.items() if step < steps])
    windows = arena.windows(starts, before, after)
    records = gathered(arena, windows, Slice(0, before + after, 0, STRIDE))
    for start, window in zip(starts, records, strict=True):
        number, step, steps = held[start]
        expected = [min(max(step + offset, 0), steps) for offset in range(-before, after)]
        assert window[:, 0].tolist() == [number] * (before + after)
        assert window[:, 1].tolist() == expected


@given(lengths, st.data())
def test_a_slice_is_its_bytes_of_its_records(lengths, data):
    arena, held = filled(23, lengths)
    starts = np.array([position for position, (_, step, steps) in held.items() if step < steps])
    windows = arena.windows(starts, 1, 3)
    whole = gathered(arena, windows, Slice(0, 4, 0, STRIDE))
    first = data.draw(st.integers(0, 3))
    steps = data.draw(st.integers(1, 4 - first))
    offset = data.draw(st.integers(0, STRIDE - 1))
    size = data.draw(st.integers(1, STRIDE - offset))
    part = gathered(arena, windows, Slice(first, steps, offset, size))
    np.testing.assert_array_equal(part, whole[:, first : first + steps, offset : offset + size])


def test_distances_to_the_ends_of_the_episode_survive_the_wrap_of_the_ring():
    arena, held = filled(10, [4, 3, 5])
    positions = np.array(sorted(held))
    assert arena.since_start(positions).tolist() == [held[p][1] for p in positions]
    assert arena.until_end(positions).tolist() == [held[p][2] - held[p][1] for p in positions]


def test_writing_without_room_is_a_bug_of_the_caller():
    arena, _ = filled(10, [4, 3])
    with pytest.raises(AssertionError):
        arena.write(episode(3, 4))


def test_an_episode_of_more_steps_than_16_bits_count_finds_both_its_ends_and_so_do_those_before_it():
    arena = Arena(2**16 + 20, 1)
    arena.write(bytes(5))
    first = arena.write(bytes(2**16 + 10))
    starts = np.array([0, 3, first, first + 2**16])
    assert arena.since_start(starts).tolist() == [0, 3, 0, 2**16]
    assert arena.until_end(starts).tolist() == [4, 1, 2**16 + 9, 9]
    assert arena.windows(starts[3:], 1, 12)[0].tolist() == [first + 2**16 + each for each in (*range(-1, 9), 9, 9, 9)]
