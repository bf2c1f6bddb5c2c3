"""What can go wrong with an engine, in classes that say what to do next."""

from enum import StrEnum

from tuntas.kit.errors import Transient


class Kind(StrEnum):
    """A class of errors; its value is the code in usage events.

    `transient`, `silent` (no first word in time), `throttled` (wait), `starved` (no money), `credential`, `gone` (no such model),
    `too_long`, `refused` (by the engine's own rules), `bad_request`, `bad_output` (does not fit the schema, or nothing at all).
    """

    TRANSIENT = "transient"
    SILENT = "silent"
    THROTTLED = "throttled"
    STARVED = "starved"
    CREDENTIAL = "credential"
    GONE = "gone"
    TOO_LONG = "too_long"
    REFUSED = "refused"
    BAD_REQUEST = "bad_request"
    BAD_OUTPUT = "bad_output"


class EngineFault(Transient):
    """An attempt that failed. `wait_seconds` is how long the engine asks to be left alone, if it says so."""

    def __init__(self, kind: Kind, reason: str = "", wait_seconds: float | None = None) -> None:
        # What a server says about itself is told in events, where no control character may be.
        super().__init__(kind.value, "".join(c if c.isprintable() else " " for c in reason))
        self.kind, self.wait_seconds = kind, wait_seconds
