"""Structured logs: one JSON line an event, dotted past-tense names, no personal data."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from tuntas.contracts.personal import Personal
from tuntas.kit.telemetry.names import LogName


class Log:
    """A service's logger; names are declared in `names.LogName`."""

    def __init__(self, service: str) -> None:
        self._log = structlog.get_logger("tuntas").bind(service=service)

    def info(self, name: LogName, **fields: Any) -> None:
        """Say that something happened."""
        self._log.info(name, **fields)

    def warning(self, name: LogName, **fields: Any) -> None:
        """Say that something went wrong and is being handled."""
        self._log.warning(name, **fields)

    def error(self, name: LogName, **fields: Any) -> None:
        """Say that something needs somebody to look at it."""
        self._log.error(name, **fields)


class _Once(logging.Filter):
    """Lets one line per logger, level and template through in ten seconds: clients shout when Kafka is away."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, record.levelno, str(record.msg))
        if record.created - self._last.get(key, 0.0) < 10.0:  # noqa: PLR2004
            return False
        self._last[key] = record.created
        return True


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, Personal):
            event[name] = repr(value)
    return event


def configure(level: int = logging.INFO) -> None:
    """Set up logging of this process: JSON lines on stderr, other libraries from WARNING and without floods."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            structlog.processors.JSONRenderer(default=repr),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_Once())
    logging.basicConfig(
        level=logging.WARNING,
        handlers=[handler],
        force=True,
        format='{"logger": "%(name)s", "level": "%(levelname)s", "event": %(message)r}',
    )
