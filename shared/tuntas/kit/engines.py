"""The engines as the platform's services use them: a scenario's typed question in, its typed answer out, or a reason to do without.

Whoever asks must be able to go on alone: engines make an answer better, never a task possible.
"""

import json
import re
from typing import Any
from uuid import UUID

import httpx2

from tuntas.contracts.base import Document
from tuntas.kit.errors import Transient
from tuntas.kit.http import LIMITS
from tuntas.kit.settings import PlatformSettings
from tuntas.kit.telemetry.log import Log
from tuntas.kit.telemetry.metrics import Metrics

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Forgone(Transient):
    """There is no answer that may be used: `away`, `late`, `invalid`, or the code that the engines refused with."""


class Engines:
    """A client with its connections kept open. Counts and logs whenever a service does without an answer."""

    def __init__(self, url: str, key: str, metrics: Metrics, log: Log) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx2.AsyncClient(
            base_url=url, headers=headers, timeout=httpx2.Timeout(10.0, connect=1.0), limits=LIMITS, trust_env=False
        )
        self._metrics, self._log = metrics, log

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(self, scenario: str, document: Document, *, seconds: float, tenant: str, task: UUID, traceparent: str = "") -> Any:
        """Return the JSON value that a scenario's engine answered, unchecked: it is data from outside.

        Raises:
            Forgone: there is none within this many seconds.
        """
        body = {"model": f"scenario/{scenario}", "messages": [{"role": "user", "content": json.dumps(document, ensure_ascii=False)}]}
        headers = {"x-tuntas-task": str(task), "x-tuntas-tenant": tenant, "traceparent": traceparent}
        try:
            answer = await self._client.post(
                "/v1/chat/completions", json=body, headers={k: v for k, v in headers.items() if v}, timeout=seconds
            )
            return json.loads(_content(answer))
        except httpx2.TimeoutException as error:
            raise Forgone("late", type(error).__name__) from None
        except httpx2.HTTPError as error:
            raise Forgone("away", type(error).__name__) from None
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise Forgone("invalid", type(error).__name__) from None

    def forgo(self, scenario: str, error: Forgone, task: UUID) -> None:
        """Take note that a service goes on without an answer."""
        self._metrics.of("tuntas_engine_fallbacks_total", scenario=scenario, reason=error.code).inc()
        self._log.warning("engines.forgone", scenario=scenario, code=error.code, reason=error.reason, task_id=str(task))


def _content(answer: httpx2.Response) -> str:
    if not answer.is_success:
        code = answer.json()["error"]["code"]
        raise Forgone(code if isinstance(code, str) and _CODE.fullmatch(code) else "invalid", f"status {answer.status_code}")
    return str(answer.json()["choices"][0]["message"]["content"])


def engines_of(platform: PlatformSettings, metrics: Metrics, log: Log) -> Engines | None:
    """Return a client of the engines, if the platform has any."""
    if not platform.engines_url:
        return None
    return Engines(platform.engines_url, platform.engines_key.get_secret_value(), metrics, log)
