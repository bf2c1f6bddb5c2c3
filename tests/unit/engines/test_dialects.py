"""What an error means is decided by its words and by whose words they are; the status decides only where there are no words."""

import json
from typing import Any

import pytest

from tuntas.engines.catalogue import read_catalogue
from tuntas.engines.dialects import fault_of, is_error, waits
from tuntas.engines.faults import EngineFault, Kind

CATALOGUE = read_catalogue()
QUOTA = "You exceeded your current quota, please check your plan and billing details."


def error(code: str, message: str = "", kind: str = "", **more: Any) -> Any:
    return {"error": {"code": code, "message": message, "type": kind, **more}}


BODIES: list[tuple[str, int, Any, Kind]] = [
    ("openai", 429, error("insufficient_quota", QUOTA, "insufficient_quota"), Kind.STARVED),
    ("openai", 429, error("rate_limit_exceeded", "Rate limit reached for gpt-6-luna on tokens per min", "tokens"), Kind.THROTTLED),
    ("openai", 429, error("credit_balance_exhausted", "Your credit balance is exhausted"), Kind.STARVED),
    ("openai", 429, error("project_spend_limit_exceeded", "This project's spend limit is reached"), Kind.STARVED),
    ("openai", 503, error("slow_down", "Please slow down"), Kind.THROTTLED),
    ("openai", 400, error("context_length_exceeded", "This model's maximum context length is 400000 tokens"), Kind.TOO_LONG),
    ("openai", 401, error("invalid_api_key", "Incorrect API key provided", "invalid_request_error"), Kind.CREDENTIAL),
    ("openai", 404, error("model_not_found", "The model `gpt-5` does not exist", "invalid_request_error"), Kind.GONE),
    ("openai", 400, error("content_policy_violation", "Your request was rejected by our safety system"), Kind.REFUSED),
    ("openai", 400, error("unsupported_parameter", "Unsupported parameter: 'top_k'", "invalid_request_error"), Kind.BAD_REQUEST),
    ("openai", 500, error("", "The server had an error", "server_error"), Kind.TRANSIENT),
    ("qwen", 429, error("insufficient_quota", QUOTA, "insufficient_quota"), Kind.THROTTLED),
    ("qwen", 429, error("limit_requests", "You exceeded your current requests list.", "limit_requests"), Kind.THROTTLED),
    ("qwen", 429, error("limit_burst_rate", "Request rate increased too quickly.", "limit_burst_rate"), Kind.THROTTLED),
    ("qwen", 429, {"code": "Throttling.RateQuota", "message": "Requests rate limit exceeded", "request_id": "x"}, Kind.THROTTLED),
    ("qwen", 400, error("Arrearage", "Access denied, please make sure your account is in good standing.", "Arrearage"), Kind.STARVED),
    ("qwen", 401, error("invalid_api_key", "Incorrect API key provided.", "invalid_request_error"), Kind.CREDENTIAL),
    ("qwen", 400, error("data_inspection_failed", "Input data may contain inappropriate content."), Kind.REFUSED),
    ("qwen", 400, error("invalid_parameter_error", "Range of input length should be [1, 129024]"), Kind.TOO_LONG),
    ("qwen", 404, error("model_not_found", "The model does not exist or you do not have access to it."), Kind.GONE),
    (
        "doubao",
        403,
        error("AccountOverdueError", "The request failed because your account has an overdue balance.", "Forbidden"),
        Kind.STARVED,
    ),
    ("doubao", 404, error("ModelIDAccessDisabled", "Use an endpoint instead", "NotFound"), Kind.GONE),
    ("doubao", 400, error("InvalidEndpoint.ClosedEndpoint", "The endpoint is closed or temporarily unavailable"), Kind.TRANSIENT),
    ("doubao", 400, error("InputTextRiskDetection", "The input text may contain sensitive information"), Kind.REFUSED),
    ("doubao", 400, error("OutputTextRiskDetection", "The output text may contain sensitive information"), Kind.REFUSED),
    ("doubao", 429, error("EndpointRPMExceeded", "The requests per minute limit is exceeded", "TooManyRequests"), Kind.THROTTLED),
    ("doubao", 429, error("ModelAccountRpmRateLimitExceeded", "Requests per minute of the account", "TooManyRequests"), Kind.THROTTLED),
    ("doubao", 401, error("AuthenticationError", "the API key in the request is missing or invalid", "Unauthorized"), Kind.CREDENTIAL),
    ("deepseek", 402, error("invalid_request_error", "Insufficient Balance", "unknown_error", param=None), Kind.STARVED),
    ("deepseek", 429, error("rate_limit_reached", "You are sending requests too quickly", "rate_limit"), Kind.THROTTLED),
    ("deepseek", 401, error("invalid_request_error", "Authentication Fails", "authentication_error"), Kind.CREDENTIAL),
    ("deepseek", 400, error("invalid_request_error", "This model's maximum context length is 131072 tokens."), Kind.TOO_LONG),
    ("deepseek", 422, error("invalid_request_error", "Failed to deserialize the JSON body", "invalid_request_error"), Kind.BAD_REQUEST),
    ("deepseek", 503, error("service_unavailable_error", "Service is too busy", "service_unavailable_error"), Kind.TRANSIENT),
    ("ernie", 429, error("rpm_rate_limit_exceeded", "Rate limit reached for RPM", "rate_limit_exceeded"), Kind.THROTTLED),
    ("ernie", 200, {"error_code": 18, "error_msg": "Open api qps request limit reached", "id": "as-1"}, Kind.THROTTLED),
    ("ernie", 200, {"error_code": 17, "error_msg": "Open api daily request limit reached"}, Kind.STARVED),
    ("ernie", 200, {"code": "rpm_rate_limit_exceeded", "message": "Rate limit reached for RPM"}, Kind.THROTTLED),
    ("ernie", 400, error("tokens_too_long", "the max input tokens is 119000", "invalid_request_error"), Kind.TOO_LONG),
    ("ernie", 400, error("characters_too_long", "prompt tokens too long", "invalid_request_error"), Kind.TOO_LONG),
    ("ernie", 400, error("", "the content is not safe", "unsafe_request"), Kind.REFUSED),
    ("ernie", 401, error("invalid_iam_token", "IAM certification failed", "access_denied"), Kind.CREDENTIAL),
    ("ernie", 404, error("invalid_model", "The model does not exist", "invalid_request_error"), Kind.GONE),
]


def judged(provider: str, status: int, body: object, **headers: str) -> EngineFault:
    return fault_of(CATALOGUE.rules_of(provider), status, body, headers)


@pytest.mark.parametrize(("provider", "status", "body", "kind"), BODIES, ids=lambda part: str(part)[:40])
def test_an_error_has_its_class(provider: str, status: int, body: object, kind: Kind) -> None:
    assert judged(provider, status, body).kind is kind


WORDED = [row for row in BODIES if row[3] is not Kind.BAD_REQUEST]


@pytest.mark.parametrize("status", [200, 400, 403, 429, 500])
@pytest.mark.parametrize(("provider", "_", "body", "kind"), WORDED, ids=lambda part: str(part)[:40])
def test_another_status_does_not_change_what_words_say(provider: str, _: int, body: object, kind: Kind, status: int) -> None:
    assert judged(provider, status, body).kind is kind


def test_the_same_words_mean_no_money_at_one_and_a_pause_at_another() -> None:
    body = error("insufficient_quota", QUOTA, "insufficient_quota")
    assert (judged("openai", 429, body).kind, judged("qwen", 429, body).kind) == (Kind.STARVED, Kind.THROTTLED)
    assert judged("qwen", 429, body).wait_seconds == 60


@pytest.mark.parametrize("body", ["<html>502 Bad Gateway</html>", "", None, [], {"detail": "?"}, {"error": {}}, {"error": "odd"}])
@pytest.mark.parametrize("status", [200, 418, 500, 502, 529])
def test_what_nobody_knows_is_transient(body: object, status: int) -> None:
    assert judged("openai", status, body).kind is Kind.TRANSIENT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "999999999"}, 3600.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_what_the_answer_says(headers: dict[str, str], seconds: float | None) -> None:
    assert waits(headers) == seconds


def test_a_wait_in_the_answer_goes_before_the_dialects_own() -> None:
    fault = fault_of(CATALOGUE.rules_of("qwen"), 429, error("limit_requests"), {"retry-after": "3"})
    assert fault.wait_seconds == 3


@pytest.mark.parametrize("body", [row[2] for row in BODIES], ids=lambda part: json.dumps(part)[:40])
def test_an_error_is_known_as_one_under_any_status(body: object) -> None:
    assert is_error(body)


def test_an_answer_is_no_error() -> None:
    assert not is_error({"id": "x", "choices": [{"message": {"content": "hi"}}], "code": None})
