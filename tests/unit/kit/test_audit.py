"""A chain of signed entries: whatever is changed, taken away or put in between, the first entry that does not hold is named."""

from collections.abc import Callable, Sequence

import pytest

from tuntas.kit.audit import Act, Head, Signed, held, signed
from tuntas.kit.errors import Rejected
from tuntas.kit.signing import public_hex
from tuntas.testkit.history import START

PRIVATE, STRANGER = "11" * 32, "22" * 32
KEYS = {"a1": public_hex(PRIVATE)}
ACTS = [Act(by=f"sre{n}", action="switch.parked", subject="travel", reason=f"reason {n}") for n in range(4)]


def chain(acts: Sequence[Act] = ACTS, private: str = PRIVATE) -> list[Signed]:
    head, found = Head(), []
    for act in acts:
        entry = head.next(act, START)
        found.append(signed(entry, "a1", private))
        head = head.to(entry.seq, found[-1].body)
    return found


def verdict(found: Sequence[Signed]) -> tuple[str, str]:
    """Return the code and the words with which a chain is refused; that none does is a failure."""
    with pytest.raises(Rejected) as caught:
        held(found, KEYS)
    return caught.value.code, caught.value.reason


def test_a_chain_that_nobody_touched_holds_to_its_end() -> None:
    assert held(chain(), KEYS).seq == len(ACTS)
    assert held(chain()[2:], KEYS, held(chain()[:2], KEYS)) == held(chain(), KEYS)


def changed(found: list[Signed]) -> list[Signed]:
    return [*found[:1], found[1].model_copy(update={"body": found[1].body.replace("reason 1", "reason 9")}), *found[2:]]


def resigned(found: list[Signed]) -> list[Signed]:
    entry = Head(seq=1, digest="0" * 64).next(ACTS[1], START)
    return [*found[:1], signed(entry, "a1", PRIVATE), *found[2:]]


@pytest.mark.parametrize(
    ("spoil", "code", "entry"),
    [
        (changed, "forged", 2),
        (resigned, "broken_chain", 2),
        (lambda found: [*found[:1], *found[2:]], "gap", 2),
        (lambda found: [found[0], found[2], found[1], found[3]], "gap", 2),
        (lambda found: [*found[:3], found[3].model_copy(update={"key_id": "b2"})], "unknown_key", 4),
        (lambda _: chain(private=STRANGER), "forged", 1),
        (lambda found: [found[0], found[0], *found[2:]], "gap", 2),
        (lambda found: found[1:], "gap", 1),
    ],
)
def test_the_first_entry_that_does_not_hold_is_named(spoil: Callable[[list[Signed]], list[Signed]], code: str, entry: int) -> None:
    told = verdict(spoil(chain()))
    assert (told[0], told[1].split(":")[0].split(" is ")[0].split(" does ")[0]) == (code, f"entry {entry}")
