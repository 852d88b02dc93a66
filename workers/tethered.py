"""Run a Python module that dies with whoever started it: `python -m workers.tethered MODULE [ARGUMENT…]`.

The starter holds the other end of standard input and makes it the leader of a process group. However the
starter ends, even by kill -9, the pipe then closes and the whole group is killed.
"""

import os
import runpy
import signal
import sys
import threading

STANDARD_INPUT = 0


def main() -> None:
    if os.getpgrp() != os.getpid():
        sys.exit("workers.tethered must be started as the leader of a process group.")
    threading.Thread(target=_die_with_the_starter, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _die_with_the_starter() -> None:
    while os.read(STANDARD_INPUT, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
