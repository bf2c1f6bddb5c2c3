"""What a generator makes of the OpenAPI document, good and bad, is answered as the document says, and never by a failure."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tuntas.gateway import http

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Gateway

NO_BACKENDS: Any = None
SCHEMA = schemathesis.openapi.from_dict(http.application(NO_BACKENDS).openapi())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
STREAMS = "/events"
"""A stream of an open task does not end, so it is not generated."""


def test_every_route_of_the_document_is_generated() -> None:
    documented = {(method.upper(), path) for path, methods in SCHEMA.raw_schema["paths"].items() for method in methods}
    assert {(each.method.upper(), each.path) for each in OPERATIONS} == documented
    assert len(documented) > 5


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("operation", [o for o in OPERATIONS if not o.path.endswith(STREAMS)], ids=lambda o: f"{o.method.upper()} {o.path}")
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
async def test_a_generated_request_is_never_the_gateways_failure(
    gateway: "Gateway", operation: Any, mode: GenerationMode, data: st.DataObject
) -> None:
    case = data.draw(operation.as_strategy(generation_mode=mode))
    base = f"http://127.0.0.1:{gateway.process.port}"
    headers = {"X-Api-Key": "acme-key"}
    answer = await asyncio.to_thread(case.call, base_url=base, headers=headers)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.status_code != 405:
        assert answer.headers["content-type"] == ["application/problem+json"], answer.text
        assert answer.json()["code"]
