"""One tree of errors; what happens next is the error's disposition, and the runtime looks at nothing else.

TuntasError
 |- InvalidMessage        it can never be handled: dead letter
 |- Rejected              a business refusal: answered, never alerts
 |- Transient             not now: retried with backoff
 |   `- NotSent           and nothing left the process: safe to send again
 |- InDoubt               it may have happened: treated as happened, resolved
 `- ConfigurationError    refuse to start
"""

from enum import StrEnum


class Disposition(StrEnum):
    """What the runtime does about an error."""

    DEAD_LETTER = "dead_letter"
    REJECT = "reject"
    RETRY = "retry"
    RESOLVE = "resolve"
    REFUSE_TO_START = "refuse_to_start"


class TuntasError(Exception):
    """Base of all our errors: a stable `code`, words for people, and a disposition."""

    disposition: Disposition

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(f"{code}: {reason}" if reason else code)
        self.code = code
        self.reason = reason


class InvalidMessage(TuntasError):
    """A message that no repetition makes good: unknown type, wrong schema, another tenant's row."""

    disposition = Disposition.DEAD_LETTER


class Rejected(TuntasError):
    """A refusal with a reason; the caller is answered."""

    disposition = Disposition.REJECT


class Transient(TuntasError):
    """A failure that passes: an overloaded provider, a lost connection to our own database."""

    disposition = Disposition.RETRY


class NotSent(Transient):
    """A call that never left: breaker open, party parked, connection refused."""


class InDoubt(TuntasError):
    """A call whose answer was lost; it may have acted."""

    disposition = Disposition.RESOLVE


class ConfigurationError(TuntasError):
    """Settings or surroundings that make starting pointless; `reason` lists all that is wrong."""

    disposition = Disposition.REFUSE_TO_START
