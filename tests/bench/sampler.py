"""Where a process spends its processor time, by the part of a message's way: a sample each few milliseconds of it."""

import json
import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

EVERY_SECONDS = 0.003
PLACES = 40
PARTS = (
    ("decode", "kit/messaging/wire.py:decode"),
    ("decode", "kit/messaging/wire.py:text_headers"),
    ("decode", "contracts/envelope.py:from_headers"),
    ("decode", "kit/connector/malformed.py"),
    ("encode", "kit/messaging/wire.py"),
    ("encode", "contracts/envelope.py"),
    ("trace and count", "kit/telemetry/"),
    ("trace and count", "opentelemetry/"),
    ("trace and count", "prometheus_client/"),
    ("sign", "kit/signing.py"),
    ("decide", "tuntas/executor/"),
    ("decide", "tuntas/saga/"),
    ("decide", "tuntas/kit/connector/"),
    ("decide", "kit/messaging/fold.py"),
    ("write state", "kit/persistence/"),
    ("SQL", "asyncpg/"),
    ("publish", "kit/messaging/broker.py:publish"),
    ("publish", "kit/messaging/broker.py:_batches"),
    ("publish", "kit/messaging/broker.py:_filled"),
    ("publish", "aiokafka/producer/"),
    ("fetch", "aiokafka/consumer/"),
    ("fetch", "aiokafka/coordinator/"),
    ("fetch", "faststream/"),
    ("kafka connection", "aiokafka/"),
    ("runtime", "kit/"),
)
"""Part and place: a path, and after a colon the beginning of a function's name. The innermost frame of a stack that is named counts."""


FILE = "TUNTAS_BENCH_PROFILE"
"""The environment variable that names the file in which a process leaves what it counted."""


class Sampler:
    """Counts samples by part, and the innermost frames of each; the process's own timer drives it, signals start and end it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._parts: Counter[str] = Counter()
        self._places: Counter[str] = Counter()
        self._known: dict[object, str] = {}
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, self._start)
        signal.signal(signal.SIGUSR2, self._write)

    def _start(self, *_: Any) -> None:
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)

    def _write(self, *_: Any) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        written = self._file.with_suffix(".part")
        written.write_text(json.dumps({"parts": self._parts.most_common(), "places": self._places.most_common(PLACES)}))
        written.rename(self._file)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        innermost = frame
        while frame and not (part := self._part(frame)):
            frame = frame.f_back
        name = part if frame else "event loop"
        self._parts[name] += 1
        if innermost:
            code = innermost.f_code
            self._places[f"{name}: {'/'.join(code.co_filename.split('/')[-3:])}:{code.co_qualname}"] += 1

    def _part(self, frame: FrameType) -> str:
        code = frame.f_code
        if code not in self._known:
            self._known[code] = _named(code.co_filename, code.co_name)
        return self._known[code]


def _named(file: str, function: str) -> str:
    for part, place in PARTS:
        path, _, name = place.partition(":")
        if path in file and function.startswith(name):
            return part
    return ""
