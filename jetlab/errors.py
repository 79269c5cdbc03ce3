"""The errors that jetlab raises on purpose: each says in a sentence what is wrong and what to do.

Whatever else is raised is a fault, of jetlab or of what it stands on, and keeps its traceback.
"""


class JetlabError(Exception):
    """Base of every error whose message is meant for the user and says what to do."""


class ArgumentError(JetlabError, ValueError):
    """A function was called with a value it cannot take; the message names the value and what is allowed."""
