"""Facts about providers and policies are data; a deployment adds to them in files, and a mistake there is told at the start."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tuntas.engines.catalogue import read_catalogue, read_policies
from tuntas.engines.embedded import SCENARIOS
from tuntas.kit.errors import ConfigurationError

NOW = datetime(2026, 11, 26, tzinfo=UTC)
LOCAL = """
[providers.house]
base_url = "http://127.0.0.1:8001/v1"
[providers.house.models.small]
window = 8000
[[providers.house.models.small.prices]]
id = "house/small/1"
since = 2026-01-01T00:00:00Z
currency = "IDR"
input = "10"
output = "20"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


def test_five_providers_are_known_each_with_a_key_of_its_own() -> None:
    providers = read_catalogue().providers
    assert set(providers) == {"qwen", "doubao", "deepseek", "ernie", "openai"}
    assert {p.key_variable for p in providers.values()} == {f"TUNTAS_PROVIDER_{name.upper()}_KEY" for name in providers}
    assert all(p.base_url.startswith("https://") and p.place and p.models for p in providers.values())


def test_a_file_adds_a_provider_and_keeps_the_others(tmp_path: Path) -> None:
    found = read_catalogue(written(tmp_path, LOCAL))
    row = found.price("house/small", NOW)
    assert row is not None
    assert row.id == "house/small/1"
    assert "openai" in found.providers


@pytest.mark.parametrize(
    "text",
    [
        "[providers.house]\nbase_url = 'ftp://x'\n[providers.house.models.a]\nwindow = 1",
        "[providers.house]\nbase_url = 'http://x'\nmodel = 'a'\n[providers.house.models.a]\nwindow = 1",
        "[providers.embedded]\nbase_url = 'http://x'\n[providers.embedded.models.a]\nwindow = 1",
        "[provider.house]\nbase_url = 'http://x'",
        "not toml",
    ],
)
def test_a_faulty_file_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="bad_providers"):
        read_catalogue(written(tmp_path, text))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bad_providers"):
        read_catalogue(tmp_path / "none.toml")


def test_a_policy_may_only_name_models_that_are_known(tmp_path: Path) -> None:
    policy = """[scenarios."reply.write"]
routes = ["openai/gpt-2"]
deadline_ms = 1
first_word_ms = 1
hops = 0
max_tokens = 1
system = ""
input = {}
output = {}
"""
    with pytest.raises(ConfigurationError, match="no model openai/gpt-2"):
        read_policies(read_catalogue(), written(tmp_path, policy))


def test_every_scenario_ends_with_the_engine_inside_and_can_be_reached_within_its_hops() -> None:
    policies = read_policies(read_catalogue())
    assert set(policies) == set(SCENARIOS)
    for name, policy in policies.items():
        assert policy.routes[-1] == f"embedded/{name}"
        assert len(policy.routes) <= policy.hops + 1
        assert policy.first_word_ms < policy.deadline_ms
