"""A service that lacks settings says everything that is wrong at once."""

import pytest

from tuntas.contracts.topics import CONNECTORS
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.settings import KafkaSettings, ServiceSettings, load

GOOD = {"TUNTAS_VAULT_KEY": "00" * 32, "TUNTAS_APPROVAL_KEYS": "{}", "TUNTAS_DEMO_DATABASE_URL": "postgresql://h/d"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TUNTAS_CONNECTORS", "TUNTAS_KAFKA_INSTANCE", "TUNTAS_TOPIC_PREFIX", "TUNTAS_KAFKA_MECHANISM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        load("demo", ServiceSettings)
    assert refused.value.code == "bad_settings"
    return refused.value.reason


def test_complete_settings_are_read() -> None:
    kafka, platform, own = load("demo", ServiceSettings)
    assert kafka.group("demo") == "tuntas.demo"
    assert platform.connectors == CONNECTORS
    assert own.database_url.get_secret_value() == "postgresql://h/d"


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TUNTAS_DEMO_PORT": "70000", "TUNTAS_KAFKA_MECHANISM": "kerberos", "TUNTAS_DEMO_POTR": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("TUNTAS_VAULT_KEY", "TUNTAS_DEMO_DATABASE_URL"):
        monkeypatch.delenv(name)
    named = {line.split(":")[0] for line in refusal().splitlines()}
    wrong = {"TUNTAS_DEMO_PORT", "TUNTAS_KAFKA_MECHANISM", "TUNTAS_DEMO_POTR", "TUNTAS_VAULT_KEY", "TUNTAS_DEMO_DATABASE_URL"}
    assert named == wrong


def test_an_unknown_name_under_the_services_prefix_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_DEMO_DATABASE_ULR", "x")
    assert refusal() == "TUNTAS_DEMO_DATABASE_ULR: unknown setting"


def test_a_refusal_repeats_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_DEMO_PORT", "hunter2")
    assert "hunter2" not in refusal()


def test_secrets_are_not_shown() -> None:
    assert "postgresql" not in repr(load("demo", ServiceSettings)[2])


def test_a_prefix_stands_before_groups_and_must_end_in_a_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNTAS_TOPIC_PREFIX", "eu.")
    assert KafkaSettings().group("saga") == "eu.tuntas.saga"
    monkeypatch.setenv("TUNTAS_TOPIC_PREFIX", "eu")
    assert refusal().startswith("TUNTAS_TOPIC_PREFIX: ")


def test_a_named_replica_has_a_member_id_of_its_own_in_each_service() -> None:
    assert KafkaSettings(instance="1").instance_of("saga") == "saga-1"
    assert KafkaSettings().instance_of("saga") is None


def test_a_misspelt_name_of_kafkas_settings_is_a_fault_and_never_means_no_security(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TUNTAS_KAFKA_SASL_MECHANISM", "TUNTAS_KAFKA_TOPIC_PREFIX"):
        monkeypatch.setenv(name, "plain")
    assert refusal() == "TUNTAS_KAFKA_SASL_MECHANISM: unknown setting\nTUNTAS_KAFKA_TOPIC_PREFIX: unknown setting"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"MECHANISM": "plain", "USERNAME": "saga"}, "mechanism plain needs username and password"),
        ({"USERNAME": "saga", "PASSWORD": "hunter2"}, "username and password need a mechanism"),
        ({"CA_FILE": "/nowhere/ca.pem"}, "ca_file needs tls"),
        ({"TLS": "true", "CA_FILE": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem holds no certificates that can be read"),
        ({"TLS": "true", "CA_FILE": __file__}, f"ca_file {__file__} holds no certificates that can be read"),
    ],
)
def test_half_a_login_or_an_unreadable_certificate_is_a_fault(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], told: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"TUNTAS_KAFKA_{name}", value)
    assert refusal().startswith(f"TUNTAS_KAFKA_*: {told}")
    assert "hunter2" not in refusal()
