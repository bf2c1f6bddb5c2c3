"""Who calls: the tenants file, API keys, and bearer tokens."""

import base64
import hmac
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from pydantic import SecretStr, ValidationError

from tuntas.gateway.auth import Tokens, tokens_of
from tuntas.gateway.settings import Settings
from tuntas.gateway.tenants import Tenants, directory_of
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.telemetry.log import Log

A, B = "a" * 64, "b" * 64
ISSUER, AUDIENCE = "https://id.example", "tuntas"
RSA = RSAKey.generate_key(2048, {"kid": "r"})
EC = ECKey.generate_key("P-256", {"kid": "e"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "o"})


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Return the issuer's key file."""
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(KeySet([RSA, EC, OKP]).as_dict(private=False)))
    return path


def claims(**changed: Any) -> dict[str, Any]:
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "exp": int(time.time()) + 60, "tenant": "acme"} | changed
    return {name: value for name, value in whole.items() if value is not None}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def write(path: Path, tenants: Any) -> None:
    """Write the file and make sure that its time differs."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(tenants if isinstance(tenants, str) else json.dumps(tenants))
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize(
    "fault",
    [
        "{",
        "[]",
        {"Acme Inc": {}},
        {"acme": {"api_keys": ["plain text key"]}},
        {"acme": {"signing_keys": {"k": "abc"}}},
        {"acme": {"apikeys": []}},
        {"acme": {"door_topic": "tuntas.trust.commands.v1"}},
        {"acme": {"events_topic": "tuntas.saga.events.v1"}},
        {"acme": {"door_topic": "d"}, "brio": {"door_topic": "d"}},
        {"acme": {"api_keys": [A]}, "brio": {"api_keys": [A]}},
    ],
)
def test_a_tenants_file_that_could_let_somebody_in_as_another_is_refused(fault: Any) -> None:
    with pytest.raises(ConfigurationError, match="bad_tenants"):
        directory_of(fault if isinstance(fault, str) else json.dumps(fault))


def test_a_change_of_the_tenants_file_is_seen_at_the_next_call(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    write(path, {"acme": {"api_keys": [A]}})
    tenants = Tenants(path, Log("gateway"))
    assert set(tenants().tenants) == {"acme"}
    write(path, {"acme": {}, "brio": {"api_keys": [B], "door_topic": "brio.intents"}})
    assert set(tenants().tenants) == {"acme", "brio"}
    assert tenants().doors == {"brio.intents": "brio"}


def test_a_change_for_the_worse_keeps_the_last_good_reading(tmp_path: Path) -> None:
    path = tmp_path / "tenants.json"
    write(path, {"acme": {}})
    tenants = Tenants(path, Log("gateway"))
    write(path, "{")
    assert set(tenants().tenants) == {"acme"}
    path.unlink()
    assert set(tenants().tenants) == {"acme"}


def test_without_a_tenants_file_the_gateway_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bad_tenants"):
        Tenants(tmp_path / "none.json", Log("gateway"))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (EC, "ES256"), (OKP, "Ed25519"), (OKP, "EdDSA")],
    ids=["RS256", "ES256", "Ed25519", "EdDSA"],
)
async def test_a_token_of_the_issuer_stands_for_its_tenant(
    house_with: Callable[[Tokens], Any], keys: Path, key: Any, algorithm: str
) -> None:
    house = house_with(Tokens(ISSUER, AUDIENCE, keys, "tenant"))
    token = jwt.encode({"alg": algorithm, "kid": key.kid}, claims(), key, algorithms=[algorithm])
    assert (await house.call("GET", "/v1/tasks", key=None, headers=bearer(token))).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": 9_999_999_999},
        {"sub": None},
        {"tenant": None},
        {"tenant": "nobody"},
        {"tenant": ["acme"]},
    ],
)
async def test_a_token_that_is_not_for_us_is_refused(house_with: Callable[[Tokens], Any], keys: Path, changed: dict[str, Any]) -> None:
    house = house_with(Tokens(ISSUER, AUDIENCE, keys, "tenant"))
    token = jwt.encode({"alg": "RS256", "kid": "r"}, claims(**changed), RSA)
    answer = await house.call("GET", "/v1/tasks", key=None, headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert token not in answer.text


def part(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def forged() -> list[str]:
    head, body, signature = jwt.encode({"alg": "RS256", "kid": "r"}, claims(), RSA).split(".")
    stranger = jwt.encode({"alg": "RS256", "kid": "r"}, claims(), RSAKey.generate_key(2048))
    by_public_key = hmac.new(RSA.as_pem(private=False), f"{part({'alg': 'HS256', 'kid': 'r'})}.{body}".encode(), "sha256").digest()
    confused = f"{part({'alg': 'HS256', 'kid': 'r'})}.{body}.{base64.urlsafe_b64encode(by_public_key).decode().rstrip('=')}"
    other_body = f"{head}.{part(claims(tenant='brio'))}.{signature}"
    unsigned = f"{part({'alg': 'none'})}.{body}."
    return [stranger, confused, other_body, unsigned, f"{head}.{body}.", f"{head}.{body}", "x", "....", "\u00e9"]


async def test_an_operators_token_opens_the_operators_door(house_with: Callable[[Tokens], Any], keys: Path) -> None:
    house = house_with(Tokens(ISSUER, AUDIENCE, keys, "tenant"))
    for tenant, status in (("operators", 200), ("acme", 403)):
        token = jwt.encode({"alg": "RS256", "kid": "r"}, claims(tenant=tenant), RSA, algorithms=["RS256"])
        answer = await house.call("GET", "/v1/operations/stuck", key=None, headers=bearer(token))
        assert answer.status_code == status


async def test_a_forged_token_is_refused(house_with: Callable[[Tokens], Any], keys: Path) -> None:
    house = house_with(Tokens(ISSUER, AUDIENCE, keys, "tenant"))
    for token in forged():
        headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
        assert (await house.call("GET", "/v1/tasks", key=None, headers=headers)).status_code == 401, token


async def test_tokens_are_refused_while_no_issuer_is_set_up(house: Any) -> None:
    token = jwt.encode({"alg": "RS256", "kid": "r"}, claims(), RSA)
    assert (await house.call("GET", "/v1/tasks", key=None, headers=bearer(token))).status_code == 401


def test_an_issuers_keys_are_read_again_when_the_file_changes(keys: Path) -> None:
    tokens = Tokens(ISSUER, AUDIENCE, keys, "tenant")
    new = RSAKey.generate_key(2048, {"kid": "n"})
    write(keys, KeySet([new]).as_dict(private=False))
    token = jwt.encode({"alg": "RS256", "kid": "n"}, claims(), new)
    assert tokens.verify(token)[0] == "acme"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"keys": [{"kty": "RSA"}]}'])
def test_a_key_file_that_holds_no_keys_is_refused_at_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="bad_jwks"):
        Tokens(ISSUER, AUDIENCE, path, "tenant")


def test_an_issuer_is_set_up_whole_or_not_at_all(tmp_path: Path, keys: Path) -> None:
    base: dict[str, Any] = {
        "database_url": SecretStr("postgresql://x"),
        "operations_url": SecretStr("postgresql://x"),
        "tenants_file": tmp_path,
        "audit_key_id": "a1",
        "audit_private_key": SecretStr("11" * 32),
    }
    assert tokens_of(Settings(**base)) is None
    assert tokens_of(Settings(**base, oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks_file=keys)) is not None
    with pytest.raises(ValidationError, match="go together"):
        Settings(**base, oidc_issuer=ISSUER)


def test_a_fault_of_the_tenants_file_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tenants.json"
    write(path, {"acme": {}})
    tenants = Tenants(path, Log("gateway"))
    path.unlink()
    for _ in range(3):
        tenants()
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("sweep.failed") == 1
