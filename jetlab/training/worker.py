"""One worker thread per kernel: what builds and fits networks, so that cells and widgets stay alive meanwhile.

Interrupting the kernel does not reach a thread; a job is asked to stop through its own `threading.Event`.
"""

import threading
from collections.abc import Callable

from jetlab.errors import JetlabError

_lock = threading.Lock()
_running: threading.Thread | None = None


class BusyError(JetlabError, RuntimeError):
    """Another job is running in this kernel; the message says what to do."""


def start(job: Callable[[], None], name: str) -> threading.Thread:
    """Run `job` in the worker thread and return the thread at once.

    Raises:
        BusyError: a job is still running, maybe another panel's.
    """
    global _running
    with _lock:
        if _running is not None and _running.is_alive():
            raise BusyError(f"{_running.name} is still running in this notebook: stop it, or let it finish, first.")
        thread = threading.Thread(target=job, name=name, daemon=True)
        # Only a thread that did start is in the way of the next.
        thread.start()
        _running = thread
        return thread


def finished() -> None:
    """Let the next job start: the last thing that a job may call, since its thread still lives for a moment then."""
    global _running
    with _lock:
        if _running is threading.current_thread():
            _running = None
