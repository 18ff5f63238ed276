"""Every exception that a user can meet. Each derives from `AnmokError` and from the builtin that it specialises.

A message is one line: the rule, what was given, the remedy.
"""


class AnmokError(Exception):
    """The root: the command line prints the message without a traceback and exits with 2."""


class SpecError(AnmokError, ValueError):
    """The numbers of an architecture contradict one another."""


class UnknownNameError(AnmokError, LookupError):
    """A name that nothing is registered under; the message offers the nearest ones."""


class ImageSizeError(AnmokError, ValueError):
    """An architecture cannot take images of this size; the message names the nearest size that works."""


class WeightsError(AnmokError, ValueError):
    """A weight file does not fit the model, or is not a weight file."""


class DataError(AnmokError, ValueError):
    """The images, labels or manifest that were given cannot be used as they are."""


class RequestError(AnmokError, ValueError):
    """What was asked for cannot be done: an option out of range, or constraints that nothing meets."""


class BudgetError(RequestError):
    """The time that was given is too short; the message says how much would be enough."""


class RunDirectoryError(AnmokError, RuntimeError):
    """A run directory belongs to another request, is in use, or cannot be written."""


class TrainingError(AnmokError, RuntimeError):
    """A training that cannot go on: a loss that is not a number, or no batch that fits in memory."""


class ExportError(AnmokError, RuntimeError):
    """The exported model does not answer like the original, or cannot be written."""
