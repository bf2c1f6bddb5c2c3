"""Personal values are sealed for a person of a tenant, and erasing the person makes them noise."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from tuntas.contracts.personal import Personal
from tuntas.kit.errors import Rejected
from tuntas.kit.persistence.pool import open_pool
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.privacy import Vault
from tuntas.local.stack import Backends

MASTER = bytes(range(32))


@pytest.fixture
async def pool(backends: Backends) -> AsyncIterator[asyncpg.Pool]:
    found = await open_pool(backends.dsn, "vault", 4)
    for statement in bootstrap({"trust": "t"}, "o"):
        await found.execute(statement)
    yield found
    await found.close()


@pytest.fixture
def vault(pool: asyncpg.Pool) -> Vault:
    return Vault(pool, MASTER)


@pytest.fixture
def person() -> UUID:
    return uuid4()


async def test_what_is_sealed_opens_again_also_elsewhere(vault: Vault, pool: asyncpg.Pool, person: UUID) -> None:
    sealed = await vault.seal("acme", person, "Sari Dewi 莎丽")
    assert "Sari" not in sealed
    assert sealed.person == str(person)
    assert await Vault(pool, MASTER).open("acme", sealed) == "Sari Dewi 莎丽"


async def test_the_same_words_are_sealed_differently_each_time(vault: Vault, person: UUID) -> None:
    assert await vault.seal("acme", person, "Sari") != await vault.seal("acme", person, "Sari")


async def test_two_replicas_that_meet_a_person_first_use_one_key(pool: asyncpg.Pool, person: UUID) -> None:
    replicas = [Vault(pool, MASTER) for _ in range(4)]
    sealed = await asyncio.gather(*(replica.seal("acme", person, "Sari") for replica in replicas))
    assert [await replicas[0].open("acme", each) for each in sealed] == ["Sari"] * 4


async def test_an_erased_person_can_not_be_read(vault: Vault, pool: asyncpg.Pool, person: UUID) -> None:
    sealed = await vault.seal("acme", person, "Sari")
    await vault.erase("acme", person)
    for reader in (vault, Vault(pool, MASTER)):
        with pytest.raises(Rejected, match="erased"):
            await reader.open("acme", sealed)


async def test_a_person_who_comes_back_gets_another_key(vault: Vault, person: UUID) -> None:
    old = await vault.seal("acme", person, "Sari")
    await vault.erase("acme", person)
    await vault.seal("acme", person, "Sari")
    with pytest.raises(Rejected, match="unsealable"):
        await vault.open("acme", old)


async def test_another_tenant_can_not_open_it(vault: Vault, person: UUID) -> None:
    sealed = await vault.seal("acme", person, "Sari")
    with pytest.raises(Rejected, match="erased"):
        await vault.open("eve", sealed)
    await vault.seal("eve", person, "x")
    with pytest.raises(Rejected, match="unsealable"):
        await vault.open("eve", sealed)


async def test_an_altered_value_does_not_open(vault: Vault, person: UUID) -> None:
    sealed = await vault.seal("acme", person, "Sari")
    altered = sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]
    with pytest.raises(Rejected, match="unsealable"):
        await vault.open("acme", Personal(altered))
