"""Personal values are sealed for a person of a tenant, and erasing the person makes them noise."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
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


async def test_a_digest_is_the_same_in_every_replica_and_differs_for_others(vault: Vault, pool: asyncpg.Pool, person: UUID) -> None:
    who, other = ("acme", person), ("eve", person)
    made = await vault.digesters([who, other], create=True)
    again = await Vault(pool, MASTER).digesters([who, other], create=False)
    assert made[who]("hotel in Bandung") == again[who]("hotel in Bandung")
    assert len({d(text) for d in made.values() for text in ("hotel in Bandung", "hotel in Bogor")}) == 4
    assert made[who].key.hex() not in repr(made[who])


async def test_digesting_makes_no_key_unless_it_is_told_to(vault: Vault, pool: asyncpg.Pool, person: UUID) -> None:
    assert await vault.digesters([("acme", person)], create=False) == {}
    assert await pool.fetchval("select count(*) from vault.person_keys where person = $1", person) == 0


async def test_after_an_erasure_a_digest_can_not_be_made_again(vault: Vault, pool: asyncpg.Pool, person: UUID) -> None:
    who = ("acme", person)
    old = (await vault.digesters([who], create=True))[who]
    await vault.erase(*who)
    assert await vault.digesters([who], create=False) == {}
    new = (await Vault(pool, MASTER).digesters([who], create=True))[who]
    assert (new.name != old.name, new("a") != old("a")) == (True, True)


class Counted:
    """A pool that counts what it is asked."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool, self.asked = pool, 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1
        return getattr(self._pool, name)


async def test_the_keys_of_many_persons_are_one_look_up(pool: asyncpg.Pool) -> None:
    persons = [("acme", uuid4()) for _ in range(50)]
    counted: Any = Counted(pool)
    vault = Vault(counted, MASTER)
    await vault.digesters(persons, create=True)
    assert counted.asked == 2  # keys are made, and read
    await vault.digesters(persons, create=True)
    for tenant, person in persons:
        await vault.seal(tenant, person, "Sari")
    assert counted.asked == 2
    await Vault(counted, MASTER).digesters(persons, create=False)
    assert counted.asked == 3


async def test_replicas_that_make_keys_for_the_same_persons_do_not_block_each_other(pool: asyncpg.Pool) -> None:
    persons = [("acme", uuid4()) for _ in range(200)]
    orders = (persons, persons[::-1], persons, persons[::-1])
    made = await asyncio.gather(*(Vault(pool, MASTER).digesters(order, create=True) for order in orders))
    assert len({tuple(sorted(digest("a") for digest in digesters.values())) for digesters in made}) == 1


async def test_a_cached_key_is_forgotten_after_a_minute(
    vault: Vault, pool: asyncpg.Pool, person: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = ("acme", person)
    await vault.digesters([who, ("acme", uuid4())], create=True)
    await Vault(pool, MASTER).erase(*who)
    assert who in await vault.digesters([who], create=False)
    monkeypatch.setattr("tuntas.kit.privacy.CACHE_SECONDS", 0.0)
    assert await vault.digesters([who], create=False) == {}
    assert vault._keys == {}
