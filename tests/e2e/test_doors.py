"""The public doors: clients of other languages, repeats, and everything that must not come in, with good submissions right behind it."""

import asyncio
import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tuntas.cli import publishing
from tuntas.cli.profile import Profile
from tuntas.contracts.topics import INTENTS
from tuntas.kit.signing import public_hex
from tuntas.local import kafka
from tuntas.local.demo.stories import trip
from tuntas.local.processes import clean_environment
from tuntas.local.stack import JARS

if TYPE_CHECKING:
    from tests.e2e.conftest import House

LARGE = 2 * 1024 * 1024
FLIGHT = trip(refundable=True)[:1]


def body_of(**asker: Any) -> bytes:
    return json.dumps({"asker": {"person": "sari", "travellers": ["Sari Dewi"]} | asker, "goals": FLIGHT}).encode()


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


async def signed(house: "House", name: str, folder: Path) -> dict[str, str]:
    file = folder / "intent.json"
    file.write_bytes(body_of())
    found: dict[str, str] = await house.command("publish", str(file), "--headers-only", "--source", "demo", "--id", name)
    return found


async def test_a_client_on_librdkafka_gets_its_task_done(house: "House", tmp_path: Path) -> None:
    name = fresh()
    headers: dict[str, str | bytes | None] = dict(await signed(house, name, tmp_path))
    await house.produce(INTENTS.name, body_of(), headers)
    done = await house.play(name).until("completed")
    assert (done["source"], done["source_id"], done["closing"]) == ("demo", name, 1)


async def test_kafkas_own_client_on_the_jvm_gets_its_task_done(house: "House", tmp_path: Path) -> None:
    name = fresh()
    headers = ",".join(f"{key}:{value}" for key, value in (await signed(house, name, tmp_path)).items())
    command: list[str | Path] = [kafka.java(), "-cp", await asyncio.to_thread(kafka.fetch_tools, JARS), kafka.CONSOLE_PRODUCER]
    command += ["--bootstrap-server", house.profile.bootstrap, "--topic", INTENTS.name, "--property", "parse.headers=true"]
    line = headers.encode() + b"\t" + body_of() + b"\n"
    await asyncio.to_thread(subprocess.run, command, input=line, check=True, capture_output=True, env=clean_environment())
    assert (await house.play(name).until("completed"))["source_id"] == name


async def test_a_repeated_publish_is_the_same_task(house: "House") -> None:
    name = fresh()
    for _ in range(3):
        play = await house.knock(name, body_of())
    await play.until("completed")
    after = await house.submit(fresh())
    await after.until("accepted")
    assert play.told.names.count("accepted") == play.told.names.count("completed") == 1
    assert len([o for o in await house.operations(play.task) if o["operation"] == "payment.capture"]) == 1


async def test_the_same_id_with_another_body_is_refused_and_the_first_goes_on(house: "House") -> None:
    name = fresh()
    play = await house.knock(name, body_of())
    await play.until("accepted")
    await house.knock(name, body_of(reference="another"))
    refused = await house.told(name, "rejected")
    assert refused["code"] == "id_reused"
    assert UUID(refused["task_id"]) != play.task
    await play.until("completed")
    assert "rejected" not in play.told.names


@pytest.fixture(scope="session")
def stranger(house: "House") -> Profile:
    """A second tenant, with keys of its own."""
    private = Ed25519PrivateKey.generate().private_bytes_raw().hex()
    house.admit("brio", "brio's key", {"brio-1": public_hex(private)})
    return Profile(tenant="brio", signing_key_id="brio-1", signing_key=private)


BAD: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "an unknown type": ("unknown_type", body_of(), {"ce_type": "tuntas.wish.v1"}),
    "goals of a wrong shape": ("bad_body", b'{"asker": {"person": "sari"}, "goals": "a trip"}', {}),
    "no JSON": ("bad_body", b'{"asker": ', {}),
    "two megabytes": ("too_large", body_of(reference="x" * LARGE), {}),
    "not UTF-8": ("not_utf8", b'{"asker": "\xff\xfe"}', {}),
    "an unknown tenant": ("unknown_tenant", body_of(), {"ce_tenant": "nobody"}),
    "no signature": ("no_signature", body_of(), {"ce_signature": None}),
    "a forged signature": ("forged", body_of(), {"ce_signature": "AAAA"}),
    "a signature over another id": ("forged", body_of(), {"ce_source": "elsewhere"}),
    "no expiry": ("bad_envelope", body_of(), {"ce_expirytime": None}),
    "another version of CloudEvents": ("bad_envelope", body_of(), {"ce_specversion": "0.3"}),
}


@pytest.mark.parametrize("what", BAD)
async def test_what_must_not_come_in_is_refused_with_a_code_and_the_next_goes_through(house: "House", what: str) -> None:
    code, body, changed = BAD[what]
    bad, good = fresh(), fresh()
    await house.knock(bad, body, key=good.encode(), **changed)
    play = await house.submit(good)  # behind it in the same partition
    refused = await house.told(bad, "rejected")
    assert refused["code"] == code
    await play.until("completed")
    assert house.play(bad).told.names == []


async def test_an_expired_submission_is_refused(house: "House") -> None:
    name = fresh()
    await house.knock(name, body_of(), valid=timedelta(seconds=-1))
    assert (await house.told(name, "rejected"))["code"] == "expired"


async def test_a_submission_signed_by_another_tenant_is_refused(house: "House", stranger: Profile) -> None:
    name = fresh()
    theirs = publishing.headers(stranger, body_of(), source="demo", submission=name, valid=timedelta(hours=1))
    await house.produce(INTENTS.name, body_of(), theirs | {"ce_tenant": house.profile.tenant}, None)
    assert (await house.told(name, "rejected"))["code"] == "foreign"


async def test_http_needs_a_key_that_is_known(house: "House") -> None:
    for headers in ({}, {"X-Api-Key": "guess"}, {"Authorization": "Bearer guess"}):
        answer = await house.http.get("/v1/tasks", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_another_tenants_task_is_not_there(house: "House", stranger: Profile) -> None:
    play = await house.submit(fresh())
    await play.until("completed")
    key = {"X-Api-Key": "brio's key"}
    for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/receipt"), ("POST", "/cancel")):
        answer = await house.http.request(method, f"/v1/tasks/{play.task}{path}", headers=key)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    listed = await house.http.get("/v1/tasks", headers=key)
    assert listed.json()["tasks"] == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (body_of(reference="x" * LARGE), 413, "too_large"),
        (b'{"asker": "\xff"}', 400, "not_utf8"),
        (b"{", 400, "bad_body"),
        (b'{"asker": {"person": "sari"}}', 422, "invalid_request"),
        (b'{"asker": {"person": "sari"}, "text": "a", "typo": 1}', 422, "invalid_request"),
    ],
)
async def test_http_refuses_a_bad_body_with_a_problem(house: "House", content: bytes, status: int, code: str) -> None:
    headers = house.key | {"Idempotency-Key": fresh(), "content-type": "application/json"}
    answer = await house.http.post("/v1/tasks", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_http_takes_a_repeat_and_refuses_another_body_under_its_key(house: "House") -> None:
    name = fresh()
    headers = house.key | {"Idempotency-Key": name}
    body = json.loads(body_of())
    made = [await house.http.post("/v1/tasks", json=body, headers=headers) for _ in range(2)]
    other = await house.http.post("/v1/tasks", json=json.loads(body_of(reference="another")), headers=headers)
    assert [answer.status_code for answer in made] == [202, 202]
    assert made[0].json()["task_id"] == made[1].json()["task_id"] == str(house.play(name, http=True).task)
    assert (other.status_code, other.json()["code"]) == (409, "id_reused")
    await house.play(name, http=True).until("completed")


async def test_what_has_ended_can_not_be_cancelled_or_approved(house: "House") -> None:
    play = await house.submit(fresh(), instrument="card-declined")
    await play.until("compensated")
    for path, body in (("cancel", None), ("approve", {"approved": True}), ("answer", {"text": "yes"})):
        answer = await house.http.post(f"/v1/tasks/{play.task}/{path}", json=body, headers=house.key)
        assert (answer.status_code, answer.json()["code"]) == (409, "ended"), path


async def events_of(house: "House", task: UUID, after: int) -> list[tuple[int, str]]:
    found, number = [], 0
    headers = house.key | {"Last-Event-ID": str(after)}
    async with house.http.stream("GET", f"/v1/tasks/{task}/events", params={"until": "terminal"}, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("event: "):
                found.append((number, line.removeprefix("event: tuntas.task.").removesuffix(".v1")))
    return found


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(house: "House") -> None:
    play = await house.submit(fresh())
    whole = await asyncio.wait_for(_from_the_start(house, play), 40)
    assert [number for number, _ in whole] == list(range(1, len(whole) + 1))
    assert (whole[0][1], whole[-1][1]) == ("accepted", "completed")
    assert await events_of(house, play.task, 2) == whole[2:]
    assert await events_of(house, play.task, len(whole)) == []


async def _from_the_start(house: "House", play: Any) -> list[tuple[int, str]]:
    await play.until("accepted")
    return await events_of(house, play.task, 0)


async def test_the_door_describes_itself(house: "House") -> None:
    described = (await house.http.get("/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert {"/v1/tasks", "/v1/tasks/{task_id}/events", "/v1/tasks/{task_id}/receipt"} <= set(described["paths"])
    for name, schema in described["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert set(references(schema)) <= set(described["components"]["schemas"]), name


def references(value: Any) -> list[str]:
    """Return the names of the schemas that a document points at."""
    if isinstance(value, list):
        return [name for part in value for name in references(part)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"].rsplit("/", 1)[-1]] if isinstance(value.get("$ref"), str) else []
    return own + [name for part in value.values() for name in references(part)]
