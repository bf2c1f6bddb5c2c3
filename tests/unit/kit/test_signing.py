"""What is signed is exactly these bytes; anything else is forged."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tuntas.contracts.plan import Statement
from tuntas.kit.errors import Rejected
from tuntas.kit.signing import approve, open_approval, public_hex, sign, submission_bytes, verified

PRIVATE, OTHER = "11" * 32, "22" * 32
AT = datetime(2026, 11, 23, 23, 14, 31, 240365, tzinfo=UTC)
STATEMENT = Statement(
    tenant="acme", task_id="t", revision=1, plan_digest="d", lines=(), ceilings={"IDR": 5}, authorize_by=AT, capture_by=AT
)
SUBMISSION = {"wire_type": "t", "source": "shop/orders", "submission": "order-9", "tenant": "acme"}


def covered(body: bytes = b"{}", at: datetime = AT, **changes: str) -> bytes:
    facts = SUBMISSION | changes
    return submission_bytes(**facts, expires_at=at, body=body)


def test_the_signed_bytes_are_seven_lines() -> None:
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert covered() == f"tuntas.submission.v1\nt\nshop/orders\norder-9\nacme\n2026-11-23T23:14:31.240365Z\n{digest}".encode()


def test_an_instant_of_another_zone_signs_as_the_same_instant() -> None:
    assert covered() == covered(at=AT.astimezone(timezone(timedelta(hours=7))))


@pytest.mark.parametrize("name", SUBMISSION)
def test_an_attribute_with_a_line_break_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="bad_attribute"):
        submission_bytes(**SUBMISSION | {name: "a\nb"}, expires_at=AT, body=b"")


@pytest.mark.parametrize(
    "altered", [covered(b"{ }"), covered(tenant="eve"), covered(submission="order-8"), covered(at=AT + timedelta(days=1))]
)
def test_an_altered_submission_does_not_verify(altered: bytes) -> None:
    signature = sign(PRIVATE, covered())
    assert verified(public_hex(PRIVATE), covered(), signature)
    assert not verified(public_hex(PRIVATE), altered, signature)


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64", base64.b64encode(bytes(64)).decode()])
def test_what_is_no_signature_does_not_verify(signature: str) -> None:
    assert not verified(public_hex(PRIVATE), b"m", signature)


@pytest.mark.parametrize("key", ["", "zz", "11"])
def test_what_is_no_key_verifies_nothing(key: str) -> None:
    assert not verified(key, b"m", sign(PRIVATE, b"m"))


def test_an_approval_opens_with_the_signers_key_only() -> None:
    approval = approve(STATEMENT, "k1", PRIVATE)
    assert open_approval(approval, {"k1": public_hex(PRIVATE)}) == STATEMENT
    for keys in ({}, {"k2": public_hex(PRIVATE)}, {"k1": public_hex(OTHER)}):
        with pytest.raises(Rejected, match="forged_approval"):
            open_approval(approval, keys)


def test_an_approval_whose_text_was_altered_is_forged() -> None:
    approval = approve(STATEMENT, "k1", PRIVATE)
    altered = approval.model_copy(update={"statement": approval.statement.replace('"IDR":5', '"IDR":50')})
    with pytest.raises(Rejected, match="forged_approval"):
        open_approval(altered, {"k1": public_hex(PRIVATE)})


def test_the_same_statement_has_the_same_signature() -> None:
    assert approve(STATEMENT, "k1", PRIVATE) == approve(STATEMENT, "k1", PRIVATE)
