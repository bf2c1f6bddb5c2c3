"""Every scenario of `scenarios.jsonl` is a test of its own; and the runner itself can fail."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from tuntas.kit.connector import undoing
from tuntas.kit.decision import Wake
from tuntas.kit.errors import ConfigurationError
from tuntas.saga.closing import roll_back
from tuntas.testkit.scenarios import happenings, language, words
from tuntas.testkit.scenarios.__main__ import main
from tuntas.testkit.scenarios.comparing import differences
from tuntas.testkit.scenarios.language import Scenario, read
from tuntas.testkit.scenarios.play import Play

DOCUMENT = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text()
FILE = Path(__file__).with_name("scenarios.jsonl")
SCENARIOS = {scenario.name: scenario for scenario in read(FILE)}
SMALL: dict[str, Any] = {
    "name": "small",
    "story": "Two holds, and the second is refused.",
    "steps": [{"name": "bus"}, {"name": "museum", "action": ["refused:closed"]}],
    "expect": {"saga": "compensated", "actions": {"bus": "done", "museum": "refused:closed"}, "compensations": {"bus": "undone"}},
}


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(*documents: Any) -> str:
        path = tmp_path / "incidents.jsonl"
        path.write_text("\n".join(document if isinstance(document, str) else json.dumps(document) for document in documents))
        return str(path)

    return write


def _differences(**changes: Any) -> list[str]:
    return differences(Play(Scenario.model_validate_json(json.dumps(SMALL | changes))))


def _expecting(**changes: Any) -> list[str]:
    return _differences(expect=SMALL["expect"] | changes)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    assert not differences(Play(SCENARIOS[name]))


def test_every_resolution_of_the_protocol_is_shown() -> None:
    shown = {resolution for scenario in SCENARIOS.values() for resolution in scenario.shows}
    assert {f"R{number}" for number in range(1, 25)} <= shown
    assert len(SCENARIOS) >= 40


def test_a_history_is_the_same_each_time() -> None:
    first, second = (Play(SCENARIOS["hotel-cancels-after-the-end"]).run().story for _ in range(2))
    assert first == second


def test_the_documented_incident_passes() -> None:
    text = DOCUMENT.partition("```json\n")[2].partition("```")[0]
    assert not differences(Play(Scenario.model_validate_json(text)))


def test_every_word_is_documented() -> None:
    models = [m for module in (language, happenings) for m in vars(module).values() if isinstance(m, type) and issubclass(m, words.Word)]
    said = {word for model in models for word in model.model_fields if not word.startswith("_")}
    said |= {get_args(model.model_fields["do"].annotation)[0] for model in models if "do" in model.model_fields}
    assert not {word for word in said if word not in re.findall(r"[a-z_]+", DOCUMENT)}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"saga": "completed"}, "saga: expected completed, found compensated"),
        ({"actions": {"bus": "done"}}, "actions.museum: expected nothing, found refused:closed"),
        ({"actions": {"bus": "done", "museum": "refused:full"}}, "actions.museum: expected refused:full, found refused:closed"),
        ({"compensations": {}}, "compensations.bus: expected nothing, found undone"),
        ({"compensations": {"bus": ["undone", "none"]}}, "compensations.bus: expected undone, none, found undone"),
        ({"receipt": {"bus": "kept", "museum": "nothing"}}, "receipt.bus: expected kept, found undone"),
        ({"kept": 100}, "kept: expected 100, found 0"),
        ({"closings": []}, "closings: expected nothing, found compensated"),
        ({"calls": {"bus": {"action": 1}}}, "calls.bus.compensation: expected 0, found 1"),
        ({"messages": {"step.undo": 2}}, "messages.step.undo: expected 2, found 1"),
        ({"dead_letters": ["saga:bad_body"]}, "dead_letters: expected saga:bad_body, found nothing"),
        ({"stray": ["bus"]}, "stray: expected bus, found nothing"),
    ],
)
def test_a_wrong_expectation_is_told_by_path(changes: dict[str, Any], told: str) -> None:
    assert _expecting(**changes) == [told]


def test_a_word_without_a_code_stands_for_any() -> None:
    assert not _expecting(actions={"bus": "done", "museum": "refused"})


def test_what_is_alive_and_in_no_receipt_is_stray_though_all_else_is_as_expected() -> None:
    blind = {"bus": {"honours_keys": False, "inquires": False}}
    steps = [{"name": "bus", "action": ["unknown:done"]}]
    expect = {"saga": "completed", "actions": {"bus": "done"}}
    assert _differences(steps=steps, providers=blind, expect=expect) == ["stray: expected nothing, found bus"]


def test_what_a_receipt_says_is_kept_and_nobody_has_is_missing() -> None:
    steps, happens = [{"name": "bus"}], [{"at": "5s", "do": "end", "step": "bus"}]
    found = _differences(steps=steps, happens=happens, expect={"saga": "completed", "actions": {"bus": "done"}})
    assert found == ["missing: expected nothing, found bus"]


def test_money_that_providers_keep_and_no_receipt_names_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuntas.testkit.scenarios.findings.Findings.kept", 7)
    assert _expecting() == ["P16: kept 7, and providers have 0"]


def test_an_undo_before_the_tally_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuntas.saga.halting.halt", roll_back)
    happens = [{"at": "150ms", "do": "cancel"}]
    steps = [{"name": "bus"}, {"name": "museum", "takes": "5s"}]
    assert any(told.startswith("P5: ") for told in _differences(steps=steps, happens=happens))


def test_an_undo_that_nothing_wakes_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "_wake", lambda effect, _: Wake(f"undo:{effect.key}"))
    found = differences(Play(SCENARIOS["hold-dies-in-the-rollback"]))
    assert any(told.startswith("P18: nothing wakes") for told in found)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stpes": []}, "the scenario: unknown word 'stpes'; known here: name, story, shows, order"),
        ({"steps": [{"name": "bus", "knd": "pivot"}]}, "steps.0: unknown word 'knd'; known here: name, kind, phase"),
        ({"steps": [{"name": "bus", "kind": "teleport"}]}, "steps.0.kind: Input should be 'compensatable', 'pivot' or 'retriable'"),
        ({"steps": [{"name": "bus", "action": ["dnoe"]}]}, "steps.0.action: unknown answer 'dnoe'; known here: done, refused, pending"),
        ({"steps": [{"name": "bus", "action": ["late"]}]}, "steps.0.action: unknown answer 'late'"),
        ({"steps": [{"name": "bus", "needs": ["tram"]}]}, "unknown step 'tram'; known here: bus"),
        ({"happens": [{"at": "5 s", "do": "cancel"}]}, "'5 s' is no length of time"),
        (
            {"happens": [{"do": "explode"}]},
            "happens.0: Input tag 'explode' found using 'do' does not match any of the expected tags: 'cancel'",
        ),
        ({"happens": [{"do": "cancel", "who": "me"}]}, "happens.0.cancel: unknown word 'who'; known here: at, do, by, tenant"),
        ({"happens": [{"do": "hold", "topic": "saga.evnets"}]}, "unknown topic 'saga.evnets'; known here: bus.commands"),
        ({"happens": [{"do": "give_up", "legs": ["tram"]}]}, "unknown leg 'tram'; known here: bus, museum"),
        ({"happens": [{"do": "decide", "approved": True}]}, "decide needs trust, which takes no part"),
        ({"providers": {"tram": {}}}, "unknown provider 'tram'; known here: bus, museum"),
        ({"expect": SMALL["expect"] | {"sagas": 1}}, "expect: unknown word 'sagas'; known here: saga, code"),
        ({"expect": SMALL["expect"] | {"actions": {"tram": "done"}}}, "unknown step 'tram'"),
    ],
)
def test_an_unknown_word_is_an_error_that_says_where_and_what_is_known(
    changes: dict[str, Any], told: str, written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(SMALL, SMALL | {"name": "second"} | changes)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bad_scenario: line 2: ")
    assert told in said


def test_a_file_that_is_not_there_or_not_json_is_refused(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/nowhere/incidents.jsonl"]) == 2
    assert main([written("{")]) == 2
    assert main([written(SMALL, SMALL)]) == 2
    assert main([written(SMALL), "--only", "large"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in said] == ["unreadable_file", "bad_scenario", "bad_scenario", "unknown_scenario"]


def test_a_line_is_printed_for_each_scenario_and_the_exit_code_says_whether_all_passed(
    written: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = SMALL | {"name": "wrong", "expect": SMALL["expect"] | {"saga": "completed"}}
    assert main([written(SMALL, wrong)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "pass small",
        "fail wrong",
        "  saga: expected completed, found compensated",
        "1 passed, 1 failed",
    ]
    assert main([written(SMALL, wrong), "--only", "small"]) == 0


def test_a_trace_tells_the_history(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main([written(SMALL), "--trace"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == SMALL["story"]
    assert "     0.200  museum     answers act museum: outcome=refused code=closed" in said
    with pytest.raises(ConfigurationError):
        read(Path("/nowhere"))
