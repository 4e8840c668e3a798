"""One who only receives bytes, as fast as a plain socket brings them: `python -m bench.plain_copier ADDRESS`.

Says `ready` once it is connected, and then, each time that it has received as many bytes as the eight before them say,
into the same memory again and again, what a follower of policies says: the time, by the monotonic clock, twice, and the
seconds of CPU that it has used.
"""

import socket
import sys
import time

MOST_BYTES = 64 * 2**20


def main(address: str) -> None:
    """Receive until there is no more."""
    host, _, port = address.rpartition(":")
    memory = memoryview(bytearray(MOST_BYTES))
    with socket.create_connection((host, int(port))) as connection:
        print("ready", flush=True)
        while len(head := connection.recv(8, socket.MSG_WAITALL)) == 8:
            left = memory[: int.from_bytes(head, "little")]
            while received := connection.recv_into(left):
                left = left[received:]
            now_s = time.monotonic()
            print(now_s, now_s, time.process_time(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
