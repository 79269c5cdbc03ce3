"""The errors that jetlab raises on purpose: each says in a sentence what is wrong and what to do.

Whatever else is raised is a fault, of jetlab or of what it stands on, and keeps its traceback.
"""


class JetlabError(Exception):
    """Base of every error whose message is meant for the user and says what to do."""


class ArgumentError(JetlabError, ValueError):
    """A function was called with a value it cannot take; the message names the value and what is allowed."""


class MemoryFullError(JetlabError, MemoryError):
    """The memory does not suffice; the message says what to take less of."""


def memory_full(error: BaseException, remedy: str) -> MemoryFullError:
    """The error to raise or to show in the place of one by which a library says that there is no memory left.

    `remedy` is what to do, as in "take a smaller batch size".
    """
    found = f" ({error})" if str(error) else ""
    return MemoryFullError(f"The memory is full{found}: {remedy}, and shut down kernels that you do not need.")


def counted(number: int, thing: str) -> str:
    """A number of things for a message: "1 jet", "2,000 jets"; `thing` in the singular, its plural ends in s."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
