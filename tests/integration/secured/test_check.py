"""`tuntas check` on a broker with ACLs: exactly what is missing, one line each, and a stable exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.secured.conftest import DESCRIBE, READ, WRITE, Secured

from tuntas.cli.access import SERVICES
from tuntas.contracts.topics import CONNECTORS, INTENT_EVENTS, INTENTS, PARTITIONS, SAGA_COMMANDS, TASKS, TRUST_EVENTS, all_topics
from tuntas.kit.messaging.client import Right

PREFIX = "check."
EVERY = all_topics(CONNECTORS)
SEVERAL = {PREFIX + topic.name for topic in EVERY if not topic.compacted}


def named(topic: Any) -> str:
    return f"{PREFIX}{topic.name}"


@pytest.fixture(scope="module", autouse=True)
def deployment(secured: Secured) -> None:
    """Create most of the topics as a careless administrator: one is missing, one too narrow, one hidden."""
    secured.create(*SEVERAL - {named(TASKS), named(INTENT_EVENTS)})
    secured.create(*(named(topic) for topic in EVERY if topic.compacted), partitions=1)
    secured.create(named(INTENT_EVENTS), partitions=3)
    secured.allow("auditor", [named(topic) for topic in EVERY if topic != INTENTS], DESCRIBE)


def tuntas(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing but these settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TUNTAS_")}
    command = [sys.executable, "-m", "tuntas.cli.main", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=20, cwd=folder, env=clean | environment)


def faults(ended: subprocess.CompletedProcess[str]) -> list[str]:
    assert ended.stderr == ""
    found: list[str] = json.loads(ended.stdout)["faults"]
    return found


def test_check_names_each_topic_that_is_missing_hidden_or_too_narrow_until_it_is_mended(secured: Secured, tmp_path: Path) -> None:
    ended = tuntas(tmp_path, secured.environment("auditor", PREFIX), "check", "--json")
    assert ended.returncode == 1
    assert sorted(faults(ended)) == [
        f"{named(INTENT_EVENTS)}: 3 partitions, needs {PARTITIONS}",
        f"{named(INTENTS)}: auditor may not DESCRIBE",
        f"{named(TASKS)}: missing",
    ]
    secured.create(named(TASKS))
    secured.widen(named(INTENT_EVENTS))
    secured.allow("auditor", [named(INTENTS)], DESCRIBE)
    mended = tuntas(tmp_path, secured.environment("auditor", PREFIX), "check", "--json")
    assert (mended.returncode, faults(mended)) == (0, [])


def test_check_of_a_service_names_each_permission_that_its_user_lacks(secured: Secured, tmp_path: Path) -> None:
    environment = secured.environment("stranger", PREFIX)
    for topic, right in SERVICES["trust"].rights():
        if topic not in (TRUST_EVENTS, SAGA_COMMANDS):
            secured.allow("stranger", [named(topic)], READ if right is Right.READ else WRITE)
    secured.allow("stranger", [named(SAGA_COMMANDS)], DESCRIBE)
    lacking = tuntas(tmp_path, environment, "check", "--service", "trust", "--json")
    assert lacking.returncode == 1
    assert sorted(faults(lacking)) == [
        f"{named(SAGA_COMMANDS)}: stranger may not WRITE",
        f"{named(TRUST_EVENTS)}: stranger may not WRITE",
        f"group {PREFIX}tuntas.trust: stranger may not READ",
    ]
    secured.allow("stranger", [named(TRUST_EVENTS), named(SAGA_COMMANDS)], WRITE)
    secured.allow_group("stranger", f"{PREFIX}tuntas.trust")
    whole = tuntas(tmp_path, environment, "check", "--service", "trust", "--json")
    assert (whole.returncode, faults(whole)) == (0, [])


@pytest.mark.parametrize(
    ("spoilt", "line", "status"),
    [
        ({"TUNTAS_KAFKA_PASSWORD": "guessed"}, "kafka_login: {place}: the broker refuses this username and password", 2),
        ({"TUNTAS_KAFKA_CA_FILE": "stranger"}, "kafka_certificate: {place}: the broker's certificate is not trusted: ", 2),
        ({"TUNTAS_KAFKA_CA_FILE": "nowhere.pem"}, "bad_settings: TUNTAS_KAFKA_*: ca_file nowhere.pem holds no certificates", 2),
        ({"TUNTAS_KAFKA_USERNAME": ""}, "bad_settings: TUNTAS_KAFKA_*: mechanism scram-sha-512 needs username and password", 2),
        ({"TUNTAS_KAFKA_SASL_USERNAME": "x"}, "bad_settings: TUNTAS_KAFKA_SASL_USERNAME: unknown setting", 2),
        ({"TUNTAS_KAFKA_BOOTSTRAP": "127.0.0.1:9"}, "kafka_unreachable: 127.0.0.1:9: ", 3),
    ],
    ids=["password", "certificate", "file", "username", "misspelt", "nobody there"],
)
def test_check_says_in_one_line_why_it_can_not_look(
    secured: Secured, tmp_path: Path, spoilt: dict[str, str], line: str, status: int
) -> None:
    spoilt = {name: str(secured.stranger.certificate) if value == "stranger" else value for name, value in spoilt.items()}
    ended = tuntas(tmp_path, secured.environment("auditor", PREFIX) | spoilt, "check")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (status, "", 1)
    assert ended.stderr.startswith(line.format(place=secured.kafka.bootstrap))


def test_publishing_and_dead_letters_go_through_the_same_door(secured: Secured, tmp_path: Path) -> None:
    order = tmp_path / "order.json"
    order.write_text('{"text": "a room in Bandung"}')
    own = {"TUNTAS_CLI_SIGNING_KEY": "11" * 32, "TUNTAS_CLI_SIGNING_KEY_ID": "k1", "TUNTAS_CLI_TENANT": "acme"}
    admin, stranger = secured.environment("admin", PREFIX) | own, secured.environment("stranger", PREFIX) | own
    assert tuntas(tmp_path, admin, "publish", str(order), "--json").returncode == 0
    refused = tuntas(tmp_path, stranger, "publish", str(order))
    assert (refused.returncode, refused.stderr) == (2, f"kafka_forbidden: {named(INTENTS)}: stranger may not WRITE\n")
    assert tuntas(tmp_path, admin, "dead-letters").returncode == 0


def test_an_unknown_service_is_told_with_the_known_ones(secured: Secured, tmp_path: Path) -> None:
    ended = tuntas(tmp_path, secured.environment("auditor", PREFIX), "check", "--service", "nobody")
    assert (ended.returncode, ended.stderr.startswith("unknown_service: nobody: known are gateway, intent, ")) == (2, True)
