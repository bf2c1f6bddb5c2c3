"""The next version of a service: today's, grown in all that it says and keeps by what today's does not know (protocol R23).

`python -m tuntas.testkit.grown tuntas.executor serve` runs a service so. Where both versions live in one process, `NEXT` says which of them
is at work.
"""

import sys
from contextvars import ContextVar
from functools import wraps
from importlib import import_module

from tuntas.contracts.base import Frozen

NEXT: ContextVar[bool] = ContextVar("next", default=False)
MARK = '"grown":{"since":2}'


def grow() -> None:
    """Let whatever is written as JSON while `NEXT` is set carry a field that nobody knows; doing it again changes nothing."""
    write = Frozen.model_dump_json
    if hasattr(write, "__wrapped__"):
        return

    @wraps(write)
    def grown(self: Frozen) -> str:
        text = write(self)
        return f"{text[:-1]}{',' if len(text) > 2 else ''}{MARK}}}" if NEXT.get() else text

    setattr(Frozen, "model_dump_json", grown)  # noqa: B010 - a method of a model is not assigned to elsewhere


if __name__ == "__main__":
    from tuntas.kit.process import main

    package = sys.argv.pop(1)
    grow()
    NEXT.set(True)
    main(import_module(f"{package}.app").service, package)
