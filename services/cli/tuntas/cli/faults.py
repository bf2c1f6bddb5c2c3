"""What goes wrong at the command: always one line with a stable code, and an exit status."""

from typer.exceptions import TyperException

from tuntas.kit.errors import Transient, TuntasError

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3


class Fault(Exception):
    """The command can't go on: a stable `code`, words for people, and the exit status."""

    def __init__(self, code: str, reason: str, status: int) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason, self.status = code, " ".join(reason.split()), status


def fault_of(error: Exception) -> Fault | None:
    """Return the fault that an error is, or None for one that nobody foresaw."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, TuntasError):
        return Fault(error.code, error.reason, EXIT_UNREACHABLE if isinstance(error, Transient) else EXIT_USAGE)
    if isinstance(error, UnicodeError):
        return Fault("not_utf8", "an argument is not UTF-8", EXIT_USAGE)
    if isinstance(error, TyperException):
        return Fault("usage", getattr(error, "format_message", error.__str__)(), EXIT_USAGE)
    return None
