"""Memory that the C library keeps for later: given back to the system, for other kernels to use."""

import ctypes
import sys


def give_back() -> None:
    """Give memory that lies free back to the system; costs some milliseconds.

    GNU's C library keeps what a thread has freed for that thread: after a training of TensorFlow's threads that is
    hundreds of megabytes. Others, on macOS and Windows, see to it themselves, and nothing is done.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
