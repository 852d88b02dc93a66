"""How fast a server is asked: at most so many requests a minute, and not at all while it wants a rest."""

import threading
import time


class StoppedError(Exception):
    """Nobody waits for the answers any more."""


class Pace:
    """Shared by the threads that ask. max_per_minute: 0 for no limit."""

    def __init__(self, max_per_minute: int) -> None:
        self._gap = 60 / max_per_minute if max_per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def wait_for_turn(self) -> None:
        """Returns when the next request may be sent. Raises StoppedError after `stop`."""
        while True:
            with self._lock:
                now = time.monotonic()
                seconds = self._next - now
                if seconds <= 0:
                    self._next = now + self._gap
            if self._stopped.wait(max(seconds, 0)):
                raise StoppedError
            if seconds <= 0:
                return

    def rest(self, seconds: float) -> None:
        """Nobody asks for so long, also those who have not failed."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()
