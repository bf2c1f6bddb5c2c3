"""The commands `parse` and `values`: one answer for each line, an error for a bad one, and never a stop."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import IO, Any

import pytest

from tuntas.intent.parse import parsed
from tuntas.intent.values import found
from tuntas.language.lines import Answer, answer_lines

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)
COMMANDS: dict[str, Answer] = {"parse": parsed, "values": found}


def answers(*lines: Any, answer: Answer = parsed) -> list[dict[str, Any]]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return [json.loads(made) for made in answer_lines(raw, answer, lambda: NOW)]


def value(text: str, **more: Any) -> dict[str, Any]:
    (read,) = answers({"id": 1, "text": text, "tz": "Asia/Jakarta", **more}, answer=found)[0]["values"]
    assert isinstance(read, dict)
    return read


@pytest.fixture
def command(request: pytest.FixtureRequest) -> Any:
    with subprocess.Popen([sys.executable, "-m", "tuntas.intent", request.param], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        yield made
        made.kill()


def test_a_goal_has_its_label_and_slots_with_words_value_and_span() -> None:
    text = "tiket kereta ke Bandung besok buat 2 orang"
    (read,) = answers({"id": "a", "text": text, "lang": "id", "tz": "Asia/Jakarta"})
    assert read["id"] == "a"
    assert list(read) == ["id", "intent", "slots", "goals"]
    assert read["intent"] == read["goals"][0]["label"] == "travel.train.book"
    assert read["slots"] == read["goals"][0]["slots"]
    assert [slot["slot"] for slot in read["slots"]] == ["destination", "depart_date", "passengers"]
    assert all(list(slot) == ["slot", "value", "canonical", "span"] for slot in read["slots"])
    assert all(text[slice(*slot["span"])] == slot["value"] for slot in read["slots"])


def test_several_goals_come_in_the_order_they_are_said() -> None:
    (read,) = answers({"id": 1, "text": "bayarin listrik terus pesenin taksi ke bandara", "tz": "Asia/Jakarta"})
    assert [goal["label"] for goal in read["goals"]] == ["pay.bill", "ride.book"]
    assert read["intent"] == "pay.bill"


@pytest.mark.parametrize(
    ("text", "reason"), [("tell me a joke", "not_a_task"), ("set an alarm for 7 am", "unsupported"), ("", "not_a_task")]
)
def test_out_of_scope_is_said_with_its_reason(text: str, reason: str) -> None:
    (read,) = answers({"id": 1, "text": text})
    assert (read["intent"], read["reason"], read["slots"]) == ("out_of_scope", reason, [])
    assert read["goals"] == [{"label": "out_of_scope", "slots": [], "reason": reason}]


def test_values_have_kind_span_text_value_and_only_the_fields_they_need() -> None:
    assert value("besok") == {"kind": "date", "span": [0, 5], "text": "besok", "value": "2026-11-26", "grain": "day"}
    assert value("50rb") == {"kind": "money", "span": [0, 4], "text": "50rb", "value": 5_000_000, "unit": "IDR"}
    assert value("dua jam") == {"kind": "duration", "span": [0, 7], "text": "dua jam", "value": 2, "unit": "hour"}


def test_an_interval_that_is_open_behind_says_so() -> None:
    after, before = value("setelah jam 5 sore"), value("sebelum jam 9 pagi")
    assert (after["kind"], after["value"], after["end"]) == ("interval", "17:00", None)
    assert (before["kind"], before["value"], before["end"]) == ("interval", None, "09:00")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json", "invalid_json"),
        (b'{"id": 1, "text": "\xff"}', "invalid_json"),
        (b'{"id": NaN, "text": "x"}', "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"id": ' + b"9" * 5000 + b', "text": "x"}', "invalid_json"),
        ([1, 2], "invalid_line"),
        (None, "invalid_line"),
        ({"text": "x"}, "invalid_id"),
        ({"id": None, "text": "x"}, "invalid_id"),
        ({"id": ["a"], "text": "x"}, "invalid_id"),
        ({"id": True, "text": "x"}, "invalid_id"),
        (b'{"id": "\\ud800", "text": "x"}', "invalid_id"),
        ({"id": 1}, "invalid_text"),
        ({"id": 1, "text": 5}, "invalid_text"),
        (b'{"id": 1, "text": "\\ud800"}', "invalid_text"),
        ({"id": 1, "text": "x", "tz": "Mars/Base"}, "unknown_tz"),
        ({"id": 1, "text": "x", "tz": "../UTC"}, "unknown_tz"),
        ({"id": 1, "text": "x", "tz": "a\0b"}, "unknown_tz"),
        ({"id": 1, "text": "x", "tz": 7}, "unknown_tz"),
        ({"id": 1, "text": "x", "now": "yesterday"}, "unknown_now"),
        ({"id": 1, "text": "x", "now": 7}, "unknown_now"),
        ({"id": 1, "text": "x", "now": "9999-12-31T00:00:00Z"}, "unknown_now"),
        ({"id": 1, "text": "x", "lang": "fr"}, "unknown_lang"),
        ({"id": 1, "text": "x", "lang": 7}, "unknown_lang"),
    ],
)
def test_a_bad_line_gets_an_error_under_its_id_and_the_next_is_answered(line: Any, code: str) -> None:
    for answer in COMMANDS.values():
        bad, good = answers(line, {"id": "next", "text": "besok"}, answer=answer)
        assert bad["error"]["code"] == code
        assert bad["error"]["reason"]
        assert ("id" in bad) == (code not in {"invalid_json", "invalid_line", "invalid_id"})
        assert good["id"] == "next"
        assert "error" not in good


def test_blank_lines_are_passed_over_and_a_byte_order_mark_too() -> None:
    read = answers(b"", b"  \t\r", b'\xef\xbb\xbf{"id": 1, "text": "besok"}\r')
    assert [row["id"] for row in read] == [1]


def test_any_character_may_stand_in_a_text_and_offsets_count_characters() -> None:
    text = "\0 🚕 besok"
    (read,) = answers({"id": 1, "text": text}, answer=found)
    assert [text[slice(*v["span"])] for v in read["values"]] == ["besok"]


def test_a_huge_line_is_answered_and_only_its_beginning_read() -> None:
    for answer in COMMANDS.values():
        (read,) = answers({"id": 1, "text": "besok " * 200_000}, answer=answer)
        assert "error" not in read


def test_now_and_zone_give_days_their_meaning_and_null_is_as_good_as_nothing() -> None:
    assert value("besok", now="2026-01-31T20:00:00Z")["value"] == "2026-02-02"
    assert value("besok", now="2026-01-31T20:00:00")["value"] == "2026-02-01"
    assert value("besok", now=None, lang=None)["value"] == "2026-11-26"


def ask(made: subprocess.Popen[bytes], row: dict[str, Any]) -> dict[str, Any]:
    stdin: IO[bytes] | None = made.stdin
    stdout: IO[bytes] | None = made.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(json.dumps(row).encode() + b"\n")
    stdin.flush()
    read: dict[str, Any] = json.loads(stdout.readline())
    return read


@pytest.mark.parametrize("command", sorted(COMMANDS), indirect=True)
def test_the_command_answers_each_line_before_the_next_is_written_and_exits_with_0(command: subprocess.Popen[bytes]) -> None:
    assert ask(command, {"id": 1, "text": "besok"})["id"] == 1
    assert ask(command, {"id": 2, "text": 5})["error"]["code"] == "invalid_text"
    assert ask(command, {"id": 3, "text": "后天"})["id"] == 3
    assert command.stdin is not None
    command.stdin.close()
    assert command.wait(timeout=30) == 0


@pytest.mark.parametrize("command", ["values"], indirect=True)
def test_the_command_ends_in_peace_when_nobody_listens(command: subprocess.Popen[bytes]) -> None:
    assert ask(command, {"id": 1, "text": "besok"})["id"] == 1
    assert command.stdout is not None
    assert command.stdin is not None
    command.stdout.close()
    command.stdin.write(b'{"id": 2, "text": "lusa"}\n')
    command.stdin.close()
    assert command.wait(timeout=30) == 0
