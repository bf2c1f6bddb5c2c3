"""What is wrong with the settings is told at the start."""

import pytest

from tuntas.engines.app import _servers
from tuntas.engines.catalogue import read_catalogue
from tuntas.engines.settings import Settings
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.settings import load

NEEDED = {
    "TUNTAS_VAULT_KEY": "00" * 32,
    "TUNTAS_APPROVAL_KEYS": "{}",
    "TUNTAS_ENGINES_DATABASE_URL": "postgresql://engines@127.0.0.1/x",
    "TUNTAS_ENGINES_KEY": "inner-key-of-the-services",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


def test_what_the_other_services_are_told_of_the_engines_is_no_fault_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_ENGINES_URL", "http://engines:8000")
    _, platform, own = load("engines", Settings)
    assert (platform.engines_url, own.key) == (own.url, platform.engines_key)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TUNTAS_ENGINES_KEY", "short"),
        ("TUNTAS_ENGINES_TENANT_KEYS", '{"the-key-itself": "acme"}'),
        ("TUNTAS_ENGINES_TENANT_KEYS", "[]"),
        ("TUNTAS_ENGINES_PROVIDER_FILE", "x"),
    ],
)
def test_a_faulty_setting_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as caught:
        load("engines", Settings)
    assert "the-key-itself" not in str(caught.value).lower()


@pytest.mark.parametrize("key", ["ключ", "a\nb", "\x07"])
def test_a_key_that_no_header_can_hold_is_told_by_its_variable(key: str) -> None:
    with pytest.raises(ConfigurationError, match="TUNTAS_PROVIDER_QWEN_KEY"):
        _servers(read_catalogue(), {"TUNTAS_PROVIDER_QWEN_KEY": key})


async def test_only_providers_with_a_key_can_be_asked() -> None:
    found = _servers(read_catalogue(), {"TUNTAS_PROVIDER_OPENAI_KEY": " sk-x\n", "OPENAI_API_KEY": "y", "TUNTAS_PROVIDER_QWEN_KEY": ""})
    assert set(found) == {"openai"}
    client = found["openai"].client
    assert (client.headers["authorization"], str(client.base_url)) == ("Bearer sk-x", "https://api.openai.com/v1/")
    await client.aclose()
