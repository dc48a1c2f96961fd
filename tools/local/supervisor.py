"""Runs one command that must not outlive whoever started it, however that one ends.

Called as `supervisor.py FD FOLDER COMMAND...`. FD is the reading end of a pipe whose writing end only the starter holds.
A starter that is killed with SIGKILL can't clean up, but its end of the pipe closes all the same; that is what is
watched here. The command leads a process group of its own, so its workers end with it, and a Ctrl-C on the terminal
reaches none of them. FOLDER, unless it is empty, is removed at the end: what must not stay in the temporary directory.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time

GRACE = 3.0
"""Seconds between asking the group to end and ending it."""


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the starter does; its exit status as a shell tells it."""
    watched, folder = int(arguments[0]), arguments[1]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    child = subprocess.Popen(arguments[2:], process_group=0)
    try:
        _wait(watched, child)
    except KeyboardInterrupt:
        print("supervisor: stopping, as asked", file=sys.stderr)
    finally:
        _end_group(child)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _wait(watched: int, child: subprocess.Popen[bytes]) -> None:
    """Return when the starter has ended or the command over. Without pidfds (macOS) look every tenth of a second."""
    ended = [os.pidfd_open(child.pid)] if sys.platform == "linux" else []
    while child.poll() is None:
        ready, _, _ = select.select([watched, *ended], [], [], None if ended else 0.1)
        if watched in ready:
            return


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End what is left of the command's group: politely, then not."""
    deadline = time.monotonic() + GRACE
    asked = _signal_group(child, signal.SIGTERM)
    while asked and time.monotonic() < deadline:
        child.poll()  # reaped, it no longer counts as one of the group
        if not _signal_group(child, 0):
            return
        time.sleep(0.02)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[bytes], number: int) -> bool:
    """Signal the command's whole group; False if nobody is left in it."""
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says the second of a group of zombies
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
