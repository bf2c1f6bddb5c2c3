"""`docker-compose.yml` runs every service and every world, each with nothing more than it needs."""

import hashlib
import importlib.util
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuntas.cli.profile import profile
from tuntas.contracts.topics import CONNECTORS
from tuntas.local.platform import WORLDS
from tuntas.local.postgres import SETTINGS
from tuntas.local.services import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = {name: each for name, each in SERVICES.items() if "build" in each}


def test_every_service_and_every_world_is_a_container() -> None:
    worlds = {f"sandbox-{world}" for world in WORLDS}
    assert set(OURS) == {*PACKAGES, *worlds, "prepare"}
    assert set(SERVICES) - set(OURS) == {"postgres", "kafka"}


def test_the_connectors_are_those_that_are_known_elsewhere() -> None:
    named = SERVICES["saga"]["environment"]["TUNTAS_CONNECTORS"]
    assert sorted(yaml.safe_load(named)) == sorted(CONNECTORS)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_writes_nothing_but_its_scratch_and_may_do_nothing_special(name: str) -> None:
    each = OURS[name]
    assert each["read_only"] is True
    assert each["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", sorted(OURS.keys() - {"prepare"}))
def test_an_image_is_built_from_a_member_that_has_its_command(name: str) -> None:
    member = OURS[name]["build"]["args"]["SERVICE"]
    folder = next(path for path in (ROOT / "services" / member, ROOT / "deploy" / member) if path.exists())
    scripts = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["scripts"]
    assert f"tuntas-{member.replace('/', '-')}" in scripts


def test_only_the_gateway_can_be_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert published == {"gateway": ["127.0.0.1:${TUNTAS_PORT:-8080}:8000"]}


def test_the_servers_have_room_for_every_pool_and_time_to_stop_cleanly() -> None:
    assert SERVICES["postgres"]["command"] == ["postgres", "-c", f"max_connections={SETTINGS['max_connections']}"]
    assert {SERVICES[name]["stop_grace_period"] for name in ("postgres", "kafka")} == {"1m"}


def test_the_command_reaches_the_containers_with_the_profile_that_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "deploy/tools/environment.py")
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "ENV", tmp_path / ".env")
    monkeypatch.setattr(tool, "FOLDER", tmp_path / "compose")
    monkeypatch.setattr(tool, "roles", lambda: ["gateway"])
    tool.main()
    monkeypatch.setenv("TUNTAS_CLI_PROFILE", str(tmp_path / "compose/profile.json"))
    made, tenants = profile(), json.loads((tmp_path / "compose/tenants.json").read_text())
    assert made.gateway == "http://127.0.0.1:8080"
    assert hashlib.sha256(made.api_key.encode()).hexdigest() in tenants[made.tenant]["api_keys"]
    assert made.signing_key_id in tenants[made.tenant]["signing_keys"]
    assert (tmp_path / "compose/profile.json").stat().st_mode & 0o077 == 0


def test_no_secret_stands_in_the_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secret = [line for line in text.splitlines() if any(word in line for word in ("PASSWORD", "SECRET", "_KEY:"))]
    assert all("${TUNTAS_" in line for line in secret), secret
