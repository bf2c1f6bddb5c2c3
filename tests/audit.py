"""An outside judge: compares what providers really hold with what public receipts say. Imports nothing of the platform.

    python tests/audit.py --receipts receipts.json http://127.0.0.1:PORT [http://127.0.0.1:PORT ...]

`receipts.json` is a list of the receipts as the public door gives them; each address is a provider world whose `/effects` tells what it
holds. Prints one JSON object: stray effects (held, in no receipt), missing ones (in a receipt, not held), wrong amounts, and the sum of
all postings per currency. Exit 0 if all is in order, else 1.
"""

import argparse
import json
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STANDING = {"kept", "residue", "in_doubt"}
Document = dict[str, Any]


def held(worlds: Iterable[str]) -> tuple[list[Document], list[Document]]:
    """Return what the worlds hold, and their ledgers' postings."""
    effects: list[Document] = []
    postings: list[Document] = []
    for world in worlds:
        with urllib.request.urlopen(f"{world}/effects", timeout=30) as answer:  # noqa: S310 - addresses come from the command line
            found = json.load(answer)
        effects += found["effects"]
        postings += found.get("postings", [])
    return effects, postings


def audit(receipts: list[Document], effects: list[Document], ledger: list[Document]) -> Document:
    """Compare receipts with what is held, both ways, and add up the postings."""
    objects = {e["object_id"]: e for e in effects}
    claimed = {e["reference"]: (r, e) for r in receipts for e in _claims(r)}
    stray = [e["object_id"] for e in effects if e["alive"] and e["object_id"] not in claimed]
    missing = [reference for reference, (receipt, claim) in claimed.items() if _missing(objects.get(reference), receipt, claim)]
    wrong = [reference for reference, (_, claim) in claimed.items() if _differs(objects.get(reference), claim)]
    return {
        "stray_effects": len(stray),
        "missing_effects": len(missing),
        "wrong_amounts": len(wrong),
        "postings_sum": _sums(p for r in receipts for p in r["postings"]),
        "provider_postings_sum": _sums(ledger),
        "unbalanced_receipts": [r["task_id"] for r in receipts if any(_sums(r["postings"]).values())],
        "unpaid": [r["task_id"] for r in receipts if _unpaid(r, objects)],
        "stray": stray,
        "missing": missing,
        "wrong": wrong,
    }


def _claims(receipt: Document) -> list[Document]:
    """Return the effects that a receipt says stand; a hold and its confirm are one object, of which the later word counts."""
    return [e for e in receipt["effects"] if e["state"] in STANDING and e.get("reference")]


def _missing(held_object: Document | None, receipt: Document, claim: Document) -> bool:
    if held_object is None:
        return True
    used = held_object["state"] == "captured" and held_object["kind"] == "authorization"
    if used and claim["action"].endswith(".authorize"):
        return not any(e["action"].endswith(".capture") and e["state"] in STANDING for e in receipt["effects"])
    return not held_object["alive"]


def _differs(held_object: Document | None, claim: Document) -> bool:
    """Say whether a claim is not what is held; of what was paid, a part may have been given back."""
    amount, back = claim.get("amount"), claim.get("refund")
    if amount and back:
        amount = {**amount, "amount_minor": amount["amount_minor"] - back["amount_minor"]}
    return held_object is not None and held_object["alive"] and amount not in (None, held_object["amount"])


def _unpaid(receipt: Document, objects: dict[str, Document]) -> bool:
    """Say whether what the receipt books as paid by the person differs from what the payment provider holds captured."""
    captures = [objects.get(e["reference"]) for e in _claims(receipt) if e["action"].endswith(".capture")]
    taken = _sums({"currency": c["amount"]["currency"], "amount_minor": c["amount"]["amount_minor"]} for c in captures if c and c["alive"])
    booked = _sums({**p, "amount_minor": -p["amount_minor"]} for p in receipt["postings"] if p["account"] == "person")
    return {k: v for k, v in taken.items() if v} != {k: v for k, v in booked.items() if v}


def _sums(postings: Iterable[Document]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for posting in postings:
        sums[posting["currency"]] += posting["amount_minor"]
    return dict(sums)


def in_order(found: Document) -> bool:
    """Say whether nothing is stray, missing, wrong or unbalanced."""
    faults = found["stray_effects"] or found["missing_effects"] or found["wrong_amounts"] or found["unbalanced_receipts"] or found["unpaid"]
    return not faults and not any(found["postings_sum"].values()) and not any(found["provider_postings_sum"].values())


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--receipts", type=Path, required=True)
    parser.add_argument("worlds", nargs="+")
    asked = parser.parse_args()
    found = audit(json.loads(asked.receipts.read_text()), *held(asked.worlds))
    sys.stdout.write(json.dumps(found) + "\n")
    return 0 if in_order(found) else 1


if __name__ == "__main__":
    sys.exit(main())
