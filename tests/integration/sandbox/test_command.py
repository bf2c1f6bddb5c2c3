"""The command line: ready when it says so, and honest about what it could not do."""

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.sandbox.conftest import World

COMMAND = (sys.executable, "-m", "tuntas.sandbox", "serve", "--world", "payment")


async def _run(*arguments: str) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if name != "TUNTAS_SANDBOX_WEBHOOK_SECRET"}
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*COMMAND, *arguments, env=environment, stdout=pipe, stderr=pipe)


async def test_without_a_secret_it_makes_one_and_says_it(sandbox_dsn: str) -> None:
    process = await _run("--dsn", sandbox_dsn, "--schema", "payment_command")
    assert process.stdout is not None
    line = json.loads(await process.stdout.readline())
    process.terminate()
    assert line["listening"].startswith("http://127.0.0.1:")
    assert len(line["webhook_secret"]) == 64
    assert await process.wait() == 0


async def test_a_schema_name_that_is_none_is_refused(sandbox_dsn: str) -> None:
    process = await _run("--dsn", sandbox_dsn, "--schema", 'a"; DROP SCHEMA b')
    out, errors = await process.communicate()
    assert (process.returncode, out) == (3, b"")
    assert b"not a schema name" in errors


async def test_a_port_that_is_taken_is_refused(sandbox_dsn: str, payment: "World") -> None:
    process = await _run("--dsn", sandbox_dsn, "--schema", "payment_command", "--port", str(payment.client.base_url.port))
    out, errors = await process.communicate()
    assert (process.returncode, out) == (3, b"")
    assert b"address already in use" in errors
