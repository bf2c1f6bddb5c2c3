"""Who may call: tenants, their API keys, signing keys and topics, from one file that is read again when it changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from tuntas.contracts.topics import SHARED
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.forms import Form
from tuntas.kit.telemetry.log import Log

OPERATORS = "operators"
"""The tenant whose callers may look at every task, repair it, and set kill switches."""

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Tenant(Form):
    """One tenant. `api_keys` are SHA-256 hashes in hex, `signing_keys` Ed25519 public keys in hex; topics are without the prefix.

    `names` say who callers are: `key:` with the first eight digits of a key's hash, or `subject:` with the id derived from a token's. Two
    of them with one name are one person, who can't approve what they ordered under the other.
    """

    api_keys: tuple[_Hex, ...] = ()
    signing_keys: dict[str, _Hex] = Field(default_factory=dict)
    names: dict[str, _Name] = Field(default_factory=dict)
    door_topic: _TopicName | None = None
    events_topic: _TopicName | None = None


@dataclass(frozen=True)
class Directory:
    """All tenants, as one reading of the file found them."""

    tenants: Mapping[str, Tenant]

    @cached_property
    def _by_key(self) -> dict[str, str]:
        return {key: name for name, tenant in self.tenants.items() for key in tenant.api_keys}

    @cached_property
    def doors(self) -> dict[str, str]:
        """Tenants' own door topics, each with its tenant."""
        return {tenant.door_topic: name for name, tenant in self.tenants.items() if tenant.door_topic}

    def of_key(self, api_key: str) -> str | None:
        """Return the tenant of an API key."""
        return self._by_key.get(hashlib.sha256(api_key.encode("utf-8", "replace")).hexdigest())

    def events_topic(self, tenant: str) -> str | None:
        """Return the topic on which a tenant wants its events, if not on the shared one."""
        found = self.tenants.get(tenant)
        return found.events_topic if found else None


_FILE = TypeAdapter(dict[_Name, Tenant])


def directory_of(text: str | bytes) -> Directory:
    """Read a tenants file.

    Raises:
        ConfigurationError: `bad_tenants`, with all that is wrong.
    """
    try:
        directory = Directory(_FILE.validate_json(text))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigurationError("bad_tenants", "\n".join(faults)) from None
    if faults := _shared(directory):
        raise ConfigurationError("bad_tenants", "\n".join(faults))
    return directory


def _shared(directory: Directory) -> list[str]:
    """Find what must belong to one tenant only and does not: it would let one in as another."""
    keys = [key for tenant in directory.tenants.values() for key in tenant.api_keys]
    doors = [tenant.door_topic for tenant in directory.tenants.values() if tenant.door_topic]
    ours = {topic.name for topic in SHARED}
    own = [t for tenant in directory.tenants.values() for t in (tenant.door_topic, tenant.events_topic) if t]
    return [
        *(f"api key {key[:8]}...: of two tenants" for key in sorted(set(keys)) if keys.count(key) > 1),
        *(f"topic {door}: the door of two tenants" for door in sorted(set(doors)) if doors.count(door) > 1),
        *(f"topic {topic}: is the platform's" for topic in sorted(ours.intersection(own))),
    ]


class Tenants:
    """The tenants file. A change is seen at the next call; a change for the worse is logged and the last good reading kept."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path, self._log, self._fault = path, log, ""
        try:
            self._stamp = self._look()
            self._directory = directory_of(path.read_bytes())
        except OSError as error:
            raise ConfigurationError("bad_tenants", str(error)) from None

    def __call__(self) -> Directory:
        """Return what the file says now."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._directory = directory_of(self._path.read_bytes())
                self._fault = ""
        except (OSError, ConfigurationError) as error:
            self._complain(repr(error))
        return self._directory

    def _complain(self, fault: str) -> None:
        if fault != self._fault:
            self._log.warning("sweep.failed", error=fault, path=str(self._path))
            self._fault = fault

    def _look(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
