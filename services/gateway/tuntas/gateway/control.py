"""The HTTP door: people's consent and data, and what operators do."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from tuntas.contracts.ids import derive
from tuntas.contracts.money import within
from tuntas.contracts.trust import MandateSet, Switch
from tuntas.gateway.admission import person_id
from tuntas.gateway.gate import Called, Gated, Operated, Traced
from tuntas.gateway.models import Done, MandateRequest, Repair, Repairing, SwitchRequest, links
from tuntas.gateway.problems import responses
from tuntas.gateway.repairing import Target
from tuntas.gateway.repairs import Order
from tuntas.kit.audit import Act
from tuntas.kit.decision import Send
from tuntas.kit.operations import explain, gather

_COMMON = ("unauthenticated", "invalid_request", "unavailable")
_POSTED = ("not_utf8", "bad_body", "too_large")
_PERSON_LENGTH = 128

router = APIRouter(prefix="/v1")
Person = Annotated[str, Path(min_length=1, max_length=_PERSON_LENGTH)]


@router.put("/people/{person}/mandate", status_code=202, tags=["people"], responses=responses(*_COMMON, *_POSTED))
async def give_mandate(person: Person, body: MandateRequest, gate: Gated, caller: Called, trace: Traced) -> Done:
    """Give or change a person's standing consent."""
    identity = person_id(caller.tenant, person)
    await gate.publish(identity, caller.tenant, Send(MandateSet(person=identity, mandate=body.mandate)), trace)
    return Done()


@router.delete("/people/{person}/mandate", status_code=202, tags=["people"], responses=responses(*_COMMON))
async def revoke_mandate(person: Person, gate: Gated, caller: Called, trace: Traced) -> Done:
    """Revoke a person's standing consent."""
    identity = person_id(caller.tenant, person)
    await gate.publish(identity, caller.tenant, Send(MandateSet(person=identity, mandate=None)), trace)
    return Done()


@router.delete("/people/{person}", status_code=204, tags=["people"], responses=responses(*_COMMON))
async def erase_person(person: Person, gate: Gated, caller: Called) -> None:
    """Erase a person: the key is deleted, and what was sealed with it can never be read again, wherever it lies."""
    await gate.vault.erase(caller.tenant, person_id(caller.tenant, person))


@router.post(
    "/tasks/{task_id}/repair", status_code=202, tags=["operators"], responses=responses(*_COMMON, *_POSTED, "forbidden", "not_found")
)
async def repair(task_id: UUID, body: Repair, gate: Gated, caller: Operated, trace: Traced) -> Repairing:
    """Decide on a resting task, whatever it waits for. Only operators may. What becomes of it is seen at the repair that is named."""
    found = await gate.seen(caller, task_id)
    async with gate.views() as con:
        at_risk = explain(await gather(con, task_id)).money_at_risk
    target = Target(task_id=task_id, tenant=found.tenant, key=body.key, expected=body.expected, money_at_risk=at_risk)
    wanted = body.model_dump(include={"action", "reason", "evidence"})
    wish = Order(by=caller.name, per_second=1, money_at_risk=at_risk, traceparent=trace, **wanted)
    made = await gate.repairs.order(wish, [target], alone=within(at_risk, gate.alone))
    return Repairing(task_id=task_id, status=found.task.status, links=links(task_id), repair=made.id, state=made.state)


@router.post("/switches", status_code=202, tags=["operators"], responses=responses(*_COMMON, *_POSTED, "forbidden"))
async def set_switch(body: SwitchRequest, gate: Gated, caller: Operated, trace: Traced) -> Done:
    """Park a provider, a connector or a tenant, or let it go on. Every replica looks before each outgoing call."""
    switch = Switch(scope=body.scope, parked=body.parked, by=caller.name, reason=body.reason)
    verb = "parked" if body.parked else "resumed"
    await gate.journal.note(Act(by=caller.name, action=f"switch.{verb}", subject=body.scope, reason=body.reason))
    await gate.publish(derive("switch", body.scope), caller.tenant, Send(switch), trace)
    return Done()
