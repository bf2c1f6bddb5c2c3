"""Whether a reading is one that the gold sentences accept: the rules of sentences/README.md."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Slots = Mapping[str, tuple[Any, str]]  # per slot its canonical value and its surface text
Goals = Sequence[tuple[str, Slots]]

PARTS = {"morning": (4.0, 12.0), "noon": (10.5, 14.5), "afternoon": (11.5, 19.0), "evening": (16.0, 24.0), "night": (17.0, 30.0)}
UNITS = (
    "kg kilo kilos kilogram kilograms 公斤 千克",
    "l litre liter litres liters 升",
    "lb lbs pound pounds 磅",
    "box boxes dus kotak carton cartons 箱 盒",
    "pack packs packet packets bungkus 包",
    "bottle bottles botol 瓶",
    "cup cups glass glasses gelas 杯",
    "bowl bowls 碗",
    "pair pairs pasang 双",
    "dozen lusin 打",
    "piece pieces pc pcs buah biji unit item 个 件 份 台 条",
)
UNIT = {word: group.split()[0] for group in UNITS for word in group.split()}
SMALL = r"(?:the|an?|my|our|some|near|around|at|in|on|from|to|for|this|that|di|ke|dari|dr|deket|dekat|buat|untuk|sekitar)\s+|在|从"
LEADING = re.compile(f"^(?:{SMALL})+")
ONE: dict[str, Any] = {"passengers": [1, 0], "guests": [1, 0], "quantity": 1, "rooms": 1}
DAYS = {"date", "depart_date", "return_date", "check_in", "check_out", "start_date", "end_date"}
TIMES = {"time", "depart_time", "pickup_time"}
MONEY = {"amount", "budget", "price_range"}
DERIVED = {"check_out", "end_date", "nights", "trip_type"}


def accepted(row: Mapping[str, Any], goals: Goals, out_of_scope: str | None) -> tuple[bool, bool]:
    """Whether the labels are right in some accepted reading of the row, and whether in one of them every slot is too."""
    verdicts = [reading(gold, goals, out_of_scope) for gold in (row, *row.get("also", ()))]
    return any(labels for labels, _ in verdicts), any(exact for _, exact in verdicts)


def reading(gold: Mapping[str, Any], goals: Goals, out_of_scope: str | None) -> tuple[bool, bool]:
    """Whether the labels, and then the slots too, are those of one accepted reading."""
    wanted = gold.get("goals", [])
    same = len(wanted) == len(goals) and all(found in label.split("|") for (label, _), (found, _) in zip(wanted, goals, strict=True))
    labels = same and (out_of_scope or "") in gold.get("out_of_scope", "").split("|")
    return labels, labels and all(goal(slots, label, found) for (_, slots), (label, found) in zip(wanted, goals, strict=True))


def goal(gold: Mapping[str, Any], label: str, found: Slots) -> bool:
    """All wanted slots are there under one of their names, and nothing else that matters."""
    left = dict(found)
    for key, value in gold.items():
        name = next((name for name in key.split("|") if name in left), None)
        if name is None and None not in options(value):
            return False
        if name is not None and not one_fits(value, name, *left.pop(name)):
            return False
    return all(free(name, label, *value) for name, value in left.items())


def one_fits(gold: Any, name: str, value: Any, text: str) -> bool:
    """Whether the found value is any of the accepted ones."""
    return any(fits(option, name, value, text) for option in options(gold) if option is not None)


def options(value: Any) -> list[Any]:
    """The accepted values; None among them means the slot may be missing."""
    several: list[Any] = value["any"] if isinstance(value, dict) and "any" in value else [value]
    return several


def free(name: str, label: str, value: Any, text: str) -> bool:
    """A slot nobody asked for that does no harm: worked out from the others, one of something, the kind of booking."""
    if name in DERIVED or (name == "item" and label.startswith("booking.")):
        return True
    return name in ONE and fits(ONE[name], name, value, text)


def fits(gold: Any, name: str, value: Any, text: str) -> bool:
    """Whether a found value is the wanted one, by the rule of its slot."""
    for slots, rule in RULES:
        if name in slots:
            return rule(gold, value)
    if isinstance(gold, int):
        return bool(gold == (value.get("count") if isinstance(value, dict) else value))
    if isinstance(gold, list):
        return features(gold, value)
    return any(words(gold, said) for said in names(value, text))


def same_day(gold: Any, value: Any) -> bool:
    """The same day, or the same first and last day."""
    return bool(day(gold) == day(value))


def same_money(gold: Any, value: Any) -> bool:
    """The same amount or bounds, in minor units of one currency."""
    return bool(money(gold) == money(value))


def same_people(gold: Any, value: Any) -> bool:
    """As many adults and children."""
    return bool(gold == ([value["adults"], value["children"]] if isinstance(value, dict) else value))


def day(value: Any) -> Any:
    """A day, or the first and last day of a stretch."""
    return tuple(value[end] and value[end][:10] for end in ("start", "end")) if isinstance(value, dict) else str(value)[:10]


def hours(gold: Any, value: Any) -> bool:
    """The same clock time or interval, or one that lies in the part of the day."""
    if not (isinstance(gold, dict) and "part" in gold):
        return bool(gold == (value if isinstance(value, dict) else str(value).rpartition("T")[2][:5]))
    start, end = PARTS[gold["part"]]
    if isinstance(value, str):
        return gold["part"] == "noon" and value == "12:00"
    if not (value.get("start") and value.get("end")):
        return False
    first, last = clock(value["start"]), clock(value["end"])
    return start <= first < (last if last > first else last + 24) <= end


def clock(text: str) -> float:
    """Hours since midnight."""
    hour, minute = text.split(":")[:2]
    return int(hour) + int(minute) / 60


def money(value: Any) -> Any:
    """Money in the short form; a mere ceiling is a plain amount."""
    if not isinstance(value, dict):
        return value
    if "amount_minor" in value:
        return [value["amount_minor"], value["currency"]]
    short = {key: money(part) for key, part in value.items() if part is not None}
    return short["max"] if set(short) == {"max"} else short


def quantity(gold: Any, value: Any) -> bool:
    """The same number; the same unit where the gold names one."""
    count, unit = (value.get("count"), value.get("unit")) if isinstance(value, dict) else (value, None)
    if not isinstance(gold, list):
        return bool(gold == count)
    return bool(gold[0] == count) and UNIT.get(gold[1], gold[1]) == UNIT.get(str(unit), unit)


def features(gold: list[str], value: Any) -> bool:
    """Every wanted name, star and feature of a hotel; more of them do no harm."""
    stars = f"{value['stars']} star" if isinstance(value, dict) and value.get("stars") else ""
    said = [value.get("name") or "", stars, *value.get("features", ())] if isinstance(value, dict) else [value]
    parts = [part for group in said for part in (group if isinstance(group, list) else [group])]
    return all(any(part and plain(want) in plain(part) for part in parts) for want in gold)


def names(value: Any, text: str) -> Iterator[str]:
    """Every way the found value calls itself."""
    yield text
    for part in value.values() if isinstance(value, dict) else [value]:
        if isinstance(part, str):
            yield part


def words(gold: Any, found: str) -> bool:
    """The same words, or at least the core and at most the longest form."""
    if isinstance(gold, dict):
        low, most = bare(found), bare(gold["most"])
        return bare(gold["core"]) in low and low in most
    return bare(gold) == bare(found)


def bare(text: str) -> str:
    """Letters and digits of a text without its small first words."""
    return re.sub(r"[\W_]+", "", plain(text))


def plain(text: str) -> str:
    """Text without case, width and the small words before it."""
    low = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return LEADING.sub("", low)


RULES: tuple[tuple[set[str], Callable[[Any, Any], bool]], ...] = (
    (DAYS, same_day),
    (TIMES, hours),
    (MONEY, same_money),
    ({"quantity"}, quantity),
    ({"passengers", "guests"}, same_people),
)
