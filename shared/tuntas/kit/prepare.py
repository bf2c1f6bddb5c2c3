"""`tuntas-prepare`: roles and schemas in PostgreSQL and topics in Kafka, for a new deployment or a new release. Safe to repeat."""

import asyncio
import logging
import sys

import asyncpg
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tuntas.contracts.topics import CONNECTORS, all_topics
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.messaging import topics
from tuntas.kit.persistence.pool import require_unicode
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.settings import KafkaSettings
from tuntas.kit.telemetry.log import configure


class Settings(BaseSettings):
    """`TUNTAS_PREPARE_*`, `TUNTAS_CONNECTORS`, and Kafka's own."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="TUNTAS_PREPARE_")

    database_url: SecretStr = Field(description="URL of an administrator of the platform's database")
    passwords: dict[str, SecretStr] = Field(description="Service name to the password of its role; tuntas_ops is the operators'")
    connectors: tuple[str, ...] = Field(default=CONNECTORS, validation_alias="TUNTAS_CONNECTORS")


async def prepare(settings: Settings, kafka: KafkaSettings) -> None:
    """Make what is missing.

    Raises:
        ConfigurationError: `no_operators`: there is no password for them; `database_encoding`; or what Kafka refuses.
    """
    passwords = {name: secret.get_secret_value() for name, secret in settings.passwords.items()}
    operators = passwords.pop("tuntas_ops", "")
    if not operators:
        raise ConfigurationError("no_operators", "TUNTAS_PREPARE_PASSWORDS: tuntas_ops is missing")
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        await require_unicode(connection)
        for statement in bootstrap(passwords, operators):
            await connection.execute(statement)
    finally:
        await connection.close()
    await topics.create(kafka, all_topics(settings.connectors))


def main() -> None:
    """Run the command: exit 0 when all is there, 2 for settings that won't do, 1 for a backend that can't be reached."""
    configure(logging.INFO)
    try:
        asyncio.run(prepare(Settings(), KafkaSettings()))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False, include_input=False))
        _fail("bad_settings", "; ".join(faults), 2)
    except ConfigurationError as error:
        _fail(error.code, error.reason, 2)
    except (OSError, asyncpg.PostgresError) as error:
        _fail("database_unreachable", str(error), 1)
    sys.stdout.write("roles, schemas and topics are there\n")


def _fail(code: str, reason: str, status: int) -> None:
    sys.stderr.write(f"{code}: {reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
