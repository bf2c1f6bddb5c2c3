"""Small rules and the ways to join them.

A rule looks at a lattice from one token on and lists what it can read there: a value and the token after it, longest first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuntas.language.lexicon import Lattice

Parsed = list[tuple[Any, int]]
Rule = Callable[[Lattice, int], Parsed]


def word(category: str) -> Rule:
    """A phrase of one category of the lexicon."""
    return lambda s, i: s.by(i, category)


def sign(*norms: str) -> Rule:
    """One token with this text."""
    return lambda s, i: [(s.tokens[i].norm, i + 1)] if i < len(s.tokens) and s.tokens[i].norm in norms else []


def tight(rule: Rule) -> Rule:
    """The rule, with no space before it."""
    return lambda s, i: rule(s, i) if s.is_adjacent(i) else []


def alt(*rules: Rule) -> Rule:
    """What any of the rules reads."""
    return lambda s, i: [found for rule in rules for found in rule(s, i)]


def opt(rule: Rule) -> Rule:
    """The rule, or nothing."""
    return lambda s, i: [*rule(s, i), (None, i)]


def unless(rule: Rule, follows: Rule) -> Rule:
    """The rule, where `follows` does not come right after it."""
    return lambda s, i: [(value, j) for value, j in rule(s, i) if not follows(s, j)]


def provided(rule: Rule, follows: Rule) -> Rule:
    """The rule, where `follows` comes right after it."""
    return lambda s, i: [(value, j) for value, j in rule(s, i) if follows(s, j)]


def seq(make: Callable[..., Any], *rules: Rule) -> Rule:
    """The rules one after another; `make` is given the lattice and their values, and says None to refuse."""

    def run(s: Lattice, i: int) -> Parsed:
        partial: list[tuple[tuple[Any, ...], int]] = [((), i)]
        for rule in rules:
            partial = [((*values, value), k) for values, j in partial for value, k in rule(s, j)]
            if not partial:
                return []
        made = ((make(s, *values), j) for values, j in partial)
        return [(value, j) for value, j in made if value is not None]

    return run


def memo(name: str, rule: Rule) -> Rule:
    """The rule, worked out once per token of a text."""

    def run(s: Lattice, i: int) -> Parsed:
        if i >= len(s.tokens):
            return []
        key = (name, i)
        if key not in s.memo:
            s.memo[key] = rule(s, i)
        found: Parsed = s.memo[key]
        return found

    return run


def best(s: Lattice, i: int, *rules: Rule) -> tuple[Any, int] | None:
    """The longest reading at a token; of equals the first rule's."""
    found = [pair for rule in rules for pair in rule(s, i)]
    return max(found, key=lambda pair: pair[1]) if found else None
