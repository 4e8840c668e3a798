"""A Redis-compatible server in a folder of its own, which a test may stop, kill and start again."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from townlet.launch.redis_server import server_command, server_url, socket_path


class RedisServer:
    """One server. url: as replay.redis_url."""

    def __init__(self, folder: Path, durability: str = "disk") -> None:
        self.folder = folder
        self.url = server_url(folder)
        self._durability = durability
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it with the data that it had, and wait until it answers."""
        command = [*server_command(self.folder, self._durability), *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(socket_path(self.folder)))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
