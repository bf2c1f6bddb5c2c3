"""What an answer that is no success means: decided on its body first and its status second, by each provider's own rules."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tuntas.engines.faults import EngineFault, Kind
from tuntas.kit.forms import Form

LONGEST_WAIT_SECONDS = 3600.0


class Rule(Form):
    """One rule of a dialect: what is named has to fit, as a regular expression without regard to case; `status` is one of a list."""

    kind: Kind
    status: tuple[int, ...] = ()
    code: str = ""
    message: str = ""
    wait_seconds: float | None = None

    def fits(self, status: int, code: str, message: str) -> bool:
        """Say whether the rule speaks of this answer."""
        return (
            (not self.status or status in self.status)
            and (not self.code or bool(re.search(self.code, code, re.IGNORECASE)))
            and (not self.message or bool(re.search(self.message, message, re.IGNORECASE)))
        )


def fault_of(rules: Sequence[Rule], status: int, body: object, headers: Mapping[str, str]) -> EngineFault:
    """Return the fault of an answer; one that no rule knows is transient, which is tried once more and then elsewhere."""
    code, message = words(body)
    rule = next((rule for rule in rules if rule.fits(status, code, message)), None)
    kind = rule.kind if rule else Kind.TRANSIENT
    wait = waits(headers)
    if wait is None and rule:
        wait = rule.wait_seconds
    return EngineFault(kind, f"{status} {code}".strip()[:200], wait)


def is_error(body: object) -> bool:
    """Say whether a body is an error, whatever its status was: some servers answer 200."""
    if not isinstance(body, dict):
        return True
    return "choices" not in body and any(body.get(name) for name in ("error", "code", "error_code", "error_msg"))


def words(body: object) -> tuple[str, str]:
    """Return an error body's codes (its code and its type) and its message, in whichever of the known shapes it comes."""
    if not isinstance(body, dict):
        return "", str(body or "")[:1000]
    inner: Any = body.get("error")
    found: dict[str, Any] = inner if isinstance(inner, dict) else body
    codes = [found.get(name) for name in ("code", "type", "error_code")]
    message = found.get("message") or found.get("error_msg") or (inner if isinstance(inner, str) else "")
    return " ".join(str(code) for code in codes if code), str(message or "")[:1000]


def waits(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the answer asks to wait; None if it does not say so in seconds."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
            return min(float(text) * unit, LONGEST_WAIT_SECONDS)
    return None


def parsed(text: str) -> object:
    """Return a body as JSON, or as it is."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found
