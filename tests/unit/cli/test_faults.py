"""Whatever a person types or meets, the command says in one line with a code what is wrong, and never shows a traceback."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from tuntas.cli.main import app
from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES

TASK = str(uuid4())
KEY = "11" * 32
GOOD = b'{"asker": {"person": "p"}, "text": "a room"}'
EVERY_VERB = (
    ("ask", "a room"),
    ("watch", TASK),
    ("answer", TASK, "yes"),
    ("approve", TASK),
    ("cancel", TASK),
    ("receipt", TASK),
    ("tasks",),
    ("tasks", "--stuck"),
    ("explain", TASK),
    ("repair", TASK, "retry", "--reason", "r"),
    ("repair", "retry", "--where", "provider=x", "--reason", "r"),
    ("repairs",),
    ("repairs", TASK),
    ("repairs", TASK, "--approve"),
    ("repairs", TASK, "--stop", "the wrong one"),
    ("drill", TASK),
    ("pause", "travel", "--reason", "r"),
    ("resume", "travel", "--reason", "r"),
    ("audit",),
    ("audit", "--verify"),
    ("billing", "invoice", "--month", "2026-11"),
    ("billing", "invoice", "--month", "2026-11", "--tenant", "acme"),
    ("billing", "usage", "--task", TASK),
    ("billing", "ledger", "--month", "2026-11"),
)
"""The verbs that speak to the gateway."""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder without a profile."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def closed() -> str:
    """Return an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
    return f"{host}:{port}"


class Answers(ThreadingHTTPServer):
    """A server that answers everything with `status`, `body`."""

    daemon_threads = True
    status, body = 200, b"{}"


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(server.status)
        self.send_header("content-length", str(len(server.body)))
        self.end_headers()
        self.wfile.write(server.body)

    do_POST = do_GET  # noqa: N815 - the base class names it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """Return a gateway that answers as it is told to."""
    server = Answers(("127.0.0.1", 0), _Answering)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setenv("TUNTAS_CLI_GATEWAY", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def run(*words: str, stdin: bytes | None = None) -> tuple[int, str]:
    """Run the command; return its exit status and the code that it gave, told alike as a line and as JSON."""
    plain, documented = (CliRunner().invoke(app, [*words, *more], input=stdin) for more in ((), ("--json",)))
    assert plain.exit_code == documented.exit_code
    assert isinstance(plain.exception, SystemExit), plain.exception
    assert "Traceback" not in plain.output
    (line,) = plain.stderr.splitlines()
    (found,) = [json.loads(text) for text in documented.stderr.splitlines()]
    assert line == f"{found['code']}: {found['detail']}"
    assert plain.stdout == documented.stdout == ""
    return plain.exit_code, found["code"]


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let the command have a tenant and its key."""
    for name, value in {"TENANT": "acme", "SIGNING_KEY": KEY, "SIGNING_KEY_ID": "k"}.items():
        monkeypatch.setenv(f"TUNTAS_CLI_{name}", value)
    return monkeypatch


BODIES: dict[str, tuple[bytes, str]] = {
    "malformed": (b'{"asker": ', "bad_body"),
    "not UTF-8": (b'{"text": "\xff"}', "not_utf8"),
    "empty": (b"", "bad_body"),
    "two megabytes": (b'{"text": "' + b"x" * 2_000_000 + b'"}', "too_large"),
    "one byte too large": (b" " * (MAX_SUBMISSION_BYTES + 1), "too_large"),
    "a list": (b"[]", "bad_body"),
    "null": (b"null", "bad_body"),
    "a string": (b'"text"', "bad_body"),
    "deep": (b"[" * 100_000, "bad_body"),
    "not a number": (b'{"text": NaN}', "bad_body"),
    "a lone surrogate": (b'{"text": "\\ud800"}', "bad_body"),
    "neither text nor goals": (b"{}", "bad_body"),
    "both": (b'{"text": "a", "goals": []}', "bad_body"),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_can_not_be_taken_is_not_published(nowhere: Path, signer: pytest.MonkeyPatch, what: str) -> None:
    body, code = BODIES[what]
    (nowhere / "body.json").write_bytes(body)
    assert run("publish", "body.json") == (2, code)
    assert run("publish", "body.json", "--headers-only") == (2, code)
    assert run("publish", "-", stdin=body) == (2, code)


@pytest.mark.parametrize("file", [".", "missing.json", "missing/", "x" * 5000])
def test_what_is_no_file_is_told(signer: pytest.MonkeyPatch, file: str) -> None:
    assert run("publish", file) == (2, "no_file")


def test_a_file_that_is_good_is_signed_as_it_is(nowhere: Path, signer: pytest.MonkeyPatch) -> None:
    (nowhere / "body.json").write_bytes(GOOD)
    done = CliRunner().invoke(app, ["publish", "body.json", "--headers-only", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["ce_type"]) == (0, "tuntas.utterance.submitted.v1")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--source", "a\nb"), "bad_attribute"),
        (("--valid-minutes", "0"), "usage"),
        (("--valid-minutes", "soon"), "usage"),
        (("--nonsense",), "usage"),
    ],
)
def test_a_submission_that_can_not_be_signed_is_told(nowhere: Path, signer: pytest.MonkeyPatch, words: tuple[str, ...], code: str) -> None:
    (nowhere / "body.json").write_bytes(GOOD)
    assert run("publish", "body.json", *words) == (2, code)


@pytest.mark.parametrize("key", ["zz", "11", "\u00e9", KEY + "00"])
def test_a_signing_key_that_is_none_is_told(nowhere: Path, signer: pytest.MonkeyPatch, key: str) -> None:
    signer.setenv("TUNTAS_CLI_SIGNING_KEY", key)
    (nowhere / "body.json").write_bytes(GOOD)
    assert run("publish", "body.json") == (2, "bad_profile")


@pytest.mark.parametrize("words", [*EVERY_VERB, ("publish", "-"), ("explain", TASK, "--db"), ("tasks", "--stuck", "--db")])
def test_without_a_profile_it_is_said_how_to_get_one(words: tuple[str, ...]) -> None:
    assert run(*words, stdin=GOOD) == (2, "no_profile")


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "no_profile"), ("{", "bad_profile"), ("[]", "bad_profile"), ('{"gateway": 7}', "bad_profile"), ("\0", "bad_profile")],
)
def test_a_profile_that_can_not_be_read_is_told(nowhere: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, code: str) -> None:
    monkeypatch.setenv("TUNTAS_CLI_PROFILE", "profile.json")
    if text is not None:
        (nowhere / "profile.json").write_text(text)
    for words in (*EVERY_VERB, ("publish", "-"), ("check",), ("dead-letters",), ("explain", TASK, "--db")):
        assert run(*words, stdin=GOOD) == (2, code)


@pytest.mark.parametrize("verb", ["watch", "answer", "approve", "cancel", "receipt", "explain", "repair"])
@pytest.mark.parametrize("task", ["x", "../people/p", "", "\u00e9"])
def test_what_is_no_task_id_is_told_before_anything_is_asked(verb: str, task: str) -> None:
    more = {"answer": ("yes",), "repair": ("retry", "--reason", "r")}.get(verb, ())
    assert run(verb, task, *more) == (2, "usage")


@pytest.mark.parametrize("words", [("nonsense",), ("watch",), ("repair", TASK, "retry"), ("ask",), ("tasks", "--nonsense")])
def test_words_that_make_no_command_are_told(words: tuple[str, ...]) -> None:
    assert run(*words) == (2, "usage")


def test_no_words_at_all_are_answered_with_help() -> None:
    done = CliRunner().invoke(app, [])
    assert "Usage" in done.output
    assert "dead-letters" in done.output


@pytest.mark.parametrize(
    "where", ["provider", "colour=red", "older-than=soon", "older-than=-1", "older-than=nan", "older-than=inf", "older-than=", "=x"]
)
def test_a_condition_that_makes_no_sense_is_told(where: str) -> None:
    for more in ((), ("--db",)):
        assert run("tasks", "--stuck", "--where", where, *more) == (2, "bad_condition")


@pytest.mark.parametrize("evidence", ["{", "[]", "7", "", "\u00e9", "[" * 100_000])
def test_evidence_that_is_no_object_is_told(gateway: Answers, evidence: str) -> None:
    assert run("repair", TASK, "mark_done", "--reason", "r", "--evidence", evidence) == (2, "bad_evidence")


def test_the_key_of_an_attempt_is_an_id(gateway: Answers) -> None:
    assert run("repair", TASK, "retry", "--reason", "r", "--key", "x") == (2, "usage")


@pytest.mark.parametrize("words", EVERY_VERB)
def test_a_gateway_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch, closed: str, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("TUNTAS_CLI_GATEWAY", f"http://{closed}")
    assert run(*words) == (3, "unreachable")


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:99999", "http://\u2603\0"])
def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    if "\0" in address:
        address = address[:-1]
    monkeypatch.setenv("TUNTAS_CLI_GATEWAY", address)
    status, code = run("tasks")
    assert (status, code) in {(3, "unreachable"), (2, "bad_profile")}


def test_a_key_that_no_header_can_hold_is_told(gateway: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_CLI_API_KEY", "\u2603")
    assert run("tasks") == (2, "bad_profile")


@pytest.mark.parametrize("words", EVERY_VERB)
def test_a_wrong_key_is_told_as_the_gateway_tells_it(gateway: Answers, words: tuple[str, ...]) -> None:
    gateway.status, gateway.body = 401, b'{"code": "unauthenticated", "title": "An API key or a bearer token is needed"}'
    assert run(*words) == (1, "unauthenticated")


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (200, b"[]"), (200, b""), (302, b""), (502, b"bad\ngateway"), (500, b'{"code": 7}')]
)
@pytest.mark.parametrize("words", [words for words in EVERY_VERB if words[0] != "watch"])
def test_what_is_no_answer_of_a_gateway_is_told(gateway: Answers, words: tuple[str, ...], status: int, body: bytes) -> None:
    gateway.status, gateway.body = status, body
    assert run(*words) == (3, "bad_answer")


@pytest.mark.parametrize("words", [("ask", "a room"), ("receipt", TASK), ("tasks",), ("tasks", "--stuck"), ("explain", TASK)])
def test_a_document_of_something_else_is_no_answer_of_a_gateway(gateway: Answers, words: tuple[str, ...]) -> None:
    assert run(*words) == (3, "bad_answer")


@pytest.mark.parametrize("body", [b"data: nonsense\n\n", b"data: []\n\n"])
def test_a_stream_that_is_none_is_told(gateway: Answers, body: bytes) -> None:
    gateway.body = body
    assert run("watch", TASK) == (3, "bad_answer")


@pytest.mark.parametrize("words", [("publish", "-"), ("check",), ("dead-letters",), ("dead-letters", "--redrive", "--reason", "r")])
def test_a_kafka_that_is_down_is_told_in_time(signer: pytest.MonkeyPatch, closed: str, words: tuple[str, ...]) -> None:
    signer.setenv("TUNTAS_CLI_BOOTSTRAP", closed)
    assert run(*words, stdin=GOOD) == (3, "kafka_unreachable")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--redrive",), "usage"),
        (("--where", "provider=x"), "bad_condition"),
        (("--where", "code"), "bad_condition"),
        (("--limit", "0"), "usage"),
        (("--rate", "0"), "usage"),
    ],
)
def test_letters_that_are_badly_asked_for_are_told_before_anything_is_read(words: tuple[str, ...], code: str) -> None:
    assert run("dead-letters", *words) == (2, code)


@pytest.mark.parametrize("words", [("retry",), (TASK, "retry", "again"), (TASK, "retry", "--where", "code=x")])
def test_a_repair_is_of_one_task_or_by_query(words: tuple[str, ...]) -> None:
    assert run("repair", *words, "--reason", "r") == (2, "usage")


@pytest.mark.parametrize("keys", ["x", "[]", '{"a": 1}'])
def test_audit_keys_that_are_none_are_told(gateway: Answers, monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    gateway.body = b'{"entries": []}'
    monkeypatch.setenv("TUNTAS_CLI_AUDIT_KEYS", keys)
    assert run("audit", "--verify") == (2, "bad_profile")


def test_an_audit_log_that_does_not_hold_ends_with_the_entry_that_does_not(gateway: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_CLI_AUDIT_KEYS", json.dumps({"a1": KEY}))
    gateway.body = json.dumps({"entries": [{"body": "{}", "key_id": "a1", "signature": "AAAA"}]}).encode()
    assert run("audit", "--verify") == (1, "forged")


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:x", ":", "127.0.0.1:99999"])
def test_a_bootstrap_server_that_is_none_is_told(signer: pytest.MonkeyPatch, address: str) -> None:
    signer.setenv("TUNTAS_CLI_BOOTSTRAP", address)
    assert run("publish", "-", stdin=GOOD) == (3, "kafka_unreachable")


def test_kafka_settings_that_are_none_are_told(signer: pytest.MonkeyPatch) -> None:
    signer.setenv("TUNTAS_KAFKA_MECHANISM", "magic")
    assert run("check") == (2, "bad_settings")


DATABASE = (("explain", TASK, "--db"), ("tasks", "--stuck", "--db"))


@pytest.mark.parametrize("words", DATABASE)
def test_a_database_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch, closed: str, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("TUNTAS_CLI_OPERATIONS_URL", f"postgresql://o:secret@{closed}/x")
    assert run(*words) == (3, "database_unreachable")


@pytest.mark.parametrize("address", ["nonsense", "postgresql://h:x/y", "mysql://h/y", "postgresql://[/"])
def test_a_database_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("TUNTAS_CLI_OPERATIONS_URL", address)
    assert run("explain", TASK, "--db") == (3, "database_unreachable")


@pytest.mark.parametrize("text", ["[/x]", "[red]", "[link=file:///etc/passwd]"])
def test_words_from_outside_are_shown_as_they_are(gateway: Answers, text: str) -> None:
    gateway.body = json.dumps({"task_id": TASK, "status": text}).encode()
    done = CliRunner().invoke(app, ["cancel", TASK])
    assert (done.exit_code, text in done.stdout) == (0, True)
