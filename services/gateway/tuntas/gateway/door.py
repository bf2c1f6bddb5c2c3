"""The Kafka door: a record becomes a submission bound to its tenant, or a refusal with a code. Nothing here can raise or wait."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES, IntentSubmitted, UtteranceSubmitted
from tuntas.contracts.ids import derive, digest, task_id
from tuntas.contracts.topics import INTENTS
from tuntas.gateway.reading import known_zone, parse, text_of
from tuntas.gateway.submission import Submission, SubmissionRefused, refused_as
from tuntas.gateway.tenants import Directory, Tenant
from tuntas.kit.errors import Rejected
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.runtime import read_record
from tuntas.kit.messaging.wire import Raw, text_headers
from tuntas.kit.signing import submission_bytes, verified

LONGEST_LIFE = timedelta(days=7)
"""How far ahead a submission may expire: so long, at most, a stolen copy of one could be played again."""

_LIMITS = {"ce_type": 100, "ce_source": 200, "ce_id": 200, "ce_tenant": 64}
_TYPES: dict[str, type[IntentSubmitted] | type[UtteranceSubmitted]] = {m.wire_type: m for m in (IntentSubmitted, UtteranceSubmitted)}
_INSTANT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Door:
    """Reads records. Topics named in `inner` are ours; whatever else is read is a door.

    Args:
        tenants: who may call, as of now.
        inner: full names of the inner topics.
        prefix: the deployment's topic prefix.
        now: the clock by which submissions expire.
    """

    tenants: Callable[[], Directory]
    inner: frozenset[str]
    prefix: str = ""
    now: Callable[[], datetime] = _now

    def read(self, record: Raw) -> Event:
        """Return a record's event.

        Raises:
            InvalidMessage: an inner record can't be read; a door's record never raises.
        """
        if record.topic in self.inner:
            return read_record(record)
        visit = _Visit(record, record.topic.removeprefix(self.prefix), self.tenants(), self.now(), text_headers(record))
        try:
            return visit.admitted()
        except Rejected as error:
            return visit.refused(error)


@dataclass
class _Visit:
    """One record at the door, and how far it came."""

    record: Raw
    topic: str
    directory: Directory
    now: datetime
    headers: dict[str, str]
    genuine: bool = False
    task: UUID | None = None
    fingerprint: str = field(default="", repr=False)

    def admitted(self) -> Event:
        """Check in order, cheapest and least trusting first. Raises Rejected."""
        value = self._bytes()
        expires_at = self._attributes()
        model = _TYPES.get(self.headers["ce_type"])
        if model is None:
            raise Rejected("unknown_type", self.headers["ce_type"])
        tenant = self._tenant(value, expires_at)
        self.genuine, self.fingerprint = True, digest(value)
        self.task = task_id(tenant, self.headers["ce_source"], self.headers["ce_id"])
        self._timely(expires_at)
        body = _read(model, value)
        submission = Submission(source=self.headers["ce_source"], source_id=self.headers["ce_id"], fingerprint=self.fingerprint, body=body)
        return Event(self.task, tenant, derive("submission", self.task), submission, self.headers.get("traceparent", ""))

    def refused(self, error: Rejected) -> Event:
        """Return the refusal, at an id of its own: what a stranger names must not touch a task that exists."""
        identity = derive("rejected", self.record.topic, self.record.partition, self.record.offset)
        claimed = self.directory.doors.get(self.topic) or self.headers.get("ce_tenant", "")
        refusal = SubmissionRefused(
            source=_shown(self.headers.get("ce_source", "")),
            source_id=_shown(self.headers.get("ce_id", "")),
            code=error.code,
            reason=_shown(error.reason, 400),
            genuine=self.genuine,
            task=self.task if error.code == "expired" else None,
            fingerprint=self.fingerprint,
        )
        return refused_as(identity, claimed if claimed in self.directory.tenants else "", refusal, self.headers.get("traceparent", ""))

    def _bytes(self) -> bytes:
        value = self.record.value or b""
        if len(value) > MAX_SUBMISSION_BYTES:
            raise Rejected("too_large", f"{len(value)} of at most {MAX_SUBMISSION_BYTES} bytes")
        for part in (value, *(header or b"" for _, header in self.record.headers)):
            text_of(part)
        return value

    def _attributes(self) -> datetime | None:
        for name, limit in _LIMITS.items():
            found = self.headers.get(name, "")
            needed = name != "ce_tenant" or self.topic == INTENTS.name
            if (needed and not found) or len(found) > limit or not found.isprintable():
                raise Rejected("bad_envelope", f"{name}: from 1 to {limit} printable characters are needed")
        if self.headers.get("ce_specversion", "1.0") != "1.0":
            raise Rejected("bad_envelope", "ce_specversion: 1.0 is known")
        return self._expiry()

    def _expiry(self) -> datetime | None:
        if "ce_expirytime" not in self.headers:
            return None
        try:
            return _INSTANT.validate_python(self.headers["ce_expirytime"]).astimezone(UTC)
        except (ValidationError, OverflowError):
            raise Rejected("bad_envelope", "ce_expirytime: an instant of RFC 3339 with its offset is needed") from None

    def _tenant(self, value: bytes, expires_at: datetime | None) -> str:
        """Return whose submission this is: a topic with an ACL says it, else a signature."""
        claimed = self.headers.get("ce_tenant", "")
        if self.topic == INTENTS.name:
            tenant = self.directory.tenants.get(claimed)
            if tenant is None:
                raise Rejected("unknown_tenant", claimed)
            self._verify(tenant, value, expires_at)
            return claimed
        owner = self.directory.doors.get(self.topic)
        if owner is None or claimed not in {"", owner}:
            raise Rejected("foreign", "this topic is bound to another tenant")
        return owner

    def _verify(self, tenant: Tenant, value: bytes, expires_at: datetime | None) -> None:
        signature, key_id = self.headers.get("ce_signature", ""), self.headers.get("ce_keyid", "")
        if not signature or not key_id:
            raise Rejected("no_signature", "ce_keyid and ce_signature are needed on this topic")
        if expires_at is None:
            raise Rejected("bad_envelope", "ce_expirytime: what is signed must expire")
        public = tenant.signing_keys.get(key_id)
        if public and self._signed(public, self.headers["ce_tenant"], value, expires_at, signature):
            return
        for name, other in self.directory.tenants.items():
            if key_id in other.signing_keys and self._signed(other.signing_keys[key_id], name, value, expires_at, signature):
                raise Rejected("foreign", "signed for another tenant")
        raise Rejected("forged", "the signature is not by a key of this tenant over these bytes")

    def _signed(self, public: str, tenant: str, value: bytes, expires_at: datetime, signature: str) -> bool:
        message = submission_bytes(
            wire_type=self.headers["ce_type"],
            source=self.headers["ce_source"],
            submission=self.headers["ce_id"],
            tenant=tenant,
            expires_at=expires_at,
            body=value,
        )
        return verified(public, message, signature)

    def _timely(self, expires_at: datetime | None) -> None:
        if expires_at is None:
            return
        if expires_at <= self.now:
            raise Rejected("expired", self.headers["ce_expirytime"])
        if expires_at > self.now + LONGEST_LIFE:
            raise Rejected("bad_expiry", f"at most {LONGEST_LIFE.days} days ahead")


def _read(model: type[IntentSubmitted] | type[UtteranceSubmitted], value: bytes) -> IntentSubmitted | UtteranceSubmitted:
    parse(value)
    try:
        body = model.model_validate_json(value)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False, include_input=False)[:5])
        raise Rejected("bad_body", "; ".join(faults)) from None
    if not known_zone(body.asker.tz):
        raise Rejected("bad_body", "asker.tz: no such time zone")
    return body


def _shown(text: str, limit: int = 200) -> str:
    """Clip what a stranger wrote to what may be shown and stored."""
    return "".join(c if c.isprintable() else "?" for c in text[:limit])
