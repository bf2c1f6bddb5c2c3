"""How long functions and files may be, and what no file may hold."""

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for top in ("shared", "services", "deploy") for path in (ROOT / top).rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.parent.name != "limit")
FUNCTION = {"median": 8, "ninety percent": 28, "longest": 60}
FILE = {"median": 120, "ninety percent": 300, "longest": 500}
COMMENT_SHARE = 0.1
Function = ast.FunctionDef | ast.AsyncFunctionDef
UNFINISHED = re.compile(r"#.*\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function)]


def length(node: Function) -> int:
    """Lines from the signature to the end, less the docstring and a returned list: data is not read step by step."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    last = getattr(node.body[-1], "value", None)
    data = (last.end_lineno or 0) - last.lineno if isinstance(last, ast.List) else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring - data


def measured(lengths: Iterable[int]) -> dict[str, float]:
    found = sorted(lengths)
    return {"median": statistics.median(found), "ninety percent": found[int(len(found) * 0.9)], "longest": found[-1]}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def over(found: dict[str, float], budget: dict[str, int]) -> dict[str, float]:
    return {name: value for name, value in found.items() if value > budget[name]}


def test_functions_are_short() -> None:
    found = measured(length(node) for path in SOURCES for node in functions(path))
    assert not over(found, FUNCTION), found


def test_no_function_of_a_test_is_longer_than_any_other_may_be() -> None:
    long = [f"{path.relative_to(ROOT)}:{node.name}" for path in TESTS for node in functions(path) if length(node) > FUNCTION["longest"]]
    assert not long


def test_files_are_short() -> None:
    found = measured(map(lines, SOURCES))
    assert not over(found, FILE), found


def test_no_test_file_is_longer_than_any_other_may_be() -> None:
    assert not [str(path.relative_to(ROOT)) for path in TESTS if lines(path) > FILE["longest"]]


def test_every_function_says_what_it_returns() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{n.name}" for path in SOURCES for n in functions(path) if n.returns is None and n.name != "__init__"
    ]
    assert not silent


def test_nothing_is_left_unfinished() -> None:
    assert not [str(path.relative_to(ROOT)) for path in (*SOURCES, *TESTS) if UNFINISHED.search(path.read_text())]


def comments(path: Path) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def test_comments_stay_few_enough_to_be_read() -> None:
    total = sum(map(lines, SOURCES))
    share = sum(map(comments, SOURCES)) / total
    print(f"{total} lines of source, {sum(map(lines, TESTS))} of tests, {share:.1%} comments")  # noqa: T201 - a figure to look at
    assert share < COMMENT_SHARE
