"""What `tuntas-prepare` makes sure of before it makes anything."""

import re

import asyncpg
import pytest
from pydantic import SecretStr

from tuntas.kit.errors import ConfigurationError
from tuntas.kit.prepare import Settings, prepare
from tuntas.kit.settings import KafkaSettings
from tuntas.local.stack import Backends


async def test_a_database_that_can_not_hold_what_people_write_is_refused(backends: Backends) -> None:
    con = await asyncpg.connect(backends.dsn)
    await con.execute("drop database if exists narrow")
    await con.execute("create database narrow encoding 'SQL_ASCII' locale 'C' template template0")
    dsn = re.sub(r"/[^/?]*(?=\?|$)", "/narrow", backends.dsn)
    settings = Settings(database_url=SecretStr(dsn), passwords={"tuntas_ops": SecretStr("x")})
    with pytest.raises(ConfigurationError, match="in SQL_ASCII") as refused:
        await prepare(settings, KafkaSettings(bootstrap=backends.bootstrap))
    assert refused.value.code == "database_encoding"
    narrow = await asyncpg.connect(dsn)
    assert not await narrow.fetchval("select count(*) from information_schema.schemata where schema_name = 'ops'")
    await narrow.close()
    await con.execute("drop database narrow")
    await con.close()
