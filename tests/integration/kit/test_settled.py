"""Fields that hardly ever change lie beside the document: written when they change, read as one, whoever wrote the row."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from tuntas.contracts.base import Frozen
from tuntas.kit.persistence.database import Changes, Row
from tuntas.kit.persistence.postgres import Postgres
from tuntas.kit.persistence.store import Store
from tuntas.kit.persistence.tables import RUNTIME, apart, state_table
from tuntas.local.stack import Backends

TASK = uuid4()


class Note(Frozen):
    settled = ("text", "author")

    status: str = "open"
    reads: int = 0
    text: str = ""
    author: str | None = None


class Desk:
    """A table of notes, written as the runtime writes it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool, self.database, self.store = pool, Postgres(pool), Store("notes", Note)

    async def load(self) -> Row[Note]:
        async with self.database.session(wide=False) as session:
            return (await self.store.load(session, [TASK]))[TASK]

    async def write(self, row: Row[Note], **changes: object) -> None:
        row.state = row.state.model_copy(update=changes) if row.state else None
        async with self.database.session(wide=False) as session:
            await session.write("notes", Changes(self.store.written([row])))
        self.store.remember([row])

    async def lies(self) -> tuple[str, str | None]:
        ((doc, settled),) = await self.pool.fetch("select doc, settled from notes")
        return doc, settled


@pytest.fixture
async def desk(backends: Backends) -> AsyncIterator[Desk]:
    schema = f"settled_{uuid4().hex}"
    pool = await asyncpg.create_pool(backends.dsn, min_size=1, max_size=2, server_settings={"search_path": schema})
    await pool.execute(f"create schema {schema}")
    for statement in (*state_table("notes"), *RUNTIME, *apart("notes", "ops_notes")):
        await pool.execute(statement)
    made = Desk(pool)
    await made.write(Row(TASK, "acme", 0, Note(text='a "long" text', author="Sari"), frozenset()))
    yield made
    await pool.execute(f"drop schema {schema} cascade")
    await pool.close()


@pytest.mark.parametrize("forgets", [False, True], ids=["from memory", "read anew"])
async def test_settled_fields_are_written_once_and_stay(desk: Desk, forgets: bool) -> None:
    await desk.pool.execute("""update notes set settled = '{"text":"as it lies","author":"Sari"}'""")
    if forgets:
        desk.store.forget()
    await desk.write(await desk.load(), reads=1)
    assert await desk.lies() == ('{"reads":1}', '{"text":"as it lies","author":"Sari"}')


@pytest.mark.parametrize("forgets", [False, True], ids=["from memory", "read anew"])
async def test_one_that_changes_is_written_with_all_of_them(desk: Desk, forgets: bool) -> None:
    if forgets:
        desk.store.forget()
    await desk.write(await desk.load(), author=None)
    desk.store.forget()
    assert (await desk.load()).state == Note(text='a "long" text')


async def test_a_row_is_read_as_it_was_written_and_the_view_shows_all_of_it(desk: Desk) -> None:
    desk.store.forget()
    assert (await desk.load()).state == Note(text='a "long" text', author="Sari")
    shown = "select (doc ->> 'text') || ', ' || (doc ->> 'author') from ops_notes"
    assert await desk.pool.fetchval(shown) == 'a "long" text, Sari'


@pytest.mark.parametrize("settled", [None, '{"text":"an old one","author":null}'])
async def test_a_whole_document_of_the_version_before_goes_before_and_is_parted_by_the_next_write(desk: Desk, settled: str | None) -> None:
    whole = Note(text="new", author="Budi").model_dump_json()
    await desk.pool.execute("update notes set doc = $1, settled = $2", whole, settled)
    desk.store.forget()
    row = await desk.load()
    assert row.state == Note(text="new", author="Budi")
    await desk.write(row, reads=2)
    assert await desk.lies() == ('{"reads":2}', '{"text":"new","author":"Budi"}')
