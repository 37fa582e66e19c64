"""The documents in `data/`, and edits that break them."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mailhooks.contract import ContractError
from tests.support.tables import check_rows

DATA = Path(__file__).parent / "data"

Edit = Callable[[Any], Any]
"""Returns an edited copy of a document."""


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def named(pattern: str) -> list[str]:
    """Return the names of the documents that match a pattern; at least one."""
    found = sorted(path.stem for path in DATA.glob(f"{pattern}.json"))
    assert found, pattern
    return found


def put(pointer: str, value: Any) -> Edit:
    """Return an edit that sets the value at a JSON Pointer, or appends to a list if it ends in `/-`."""

    def edit(document: Any) -> Any:
        if not pointer:
            return value
        changed, parent, key = _walk(document, pointer)
        if key == "-":
            parent.append(value)
        else:
            parent[key] = value
        return changed

    return edit


def without(pointer: str) -> Edit:
    """Return an edit that removes the value at a JSON Pointer."""

    def edit(document: Any) -> Any:
        changed, parent, key = _walk(document, pointer)
        del parent[key]
        return changed

    return edit


def both(*edits: Edit) -> Edit:
    """Return an edit that applies edits one after the other."""

    def edit(document: Any) -> Any:
        for one in edits:
            document = one(document)
        return document

    return edit


Row = tuple[str, Edit, str, str]
"""A row of a table of broken documents: the problem, the edit, and the expected error's `pointer` and `got`."""


def check_broken(rows: list[Row], document: str, *checks: Callable[[Any], object]) -> None:
    """Check that each check rejects each broken document at the right place."""

    def check_row(_: str, edit: Edit, pointer: str, got: str) -> None:
        for check in checks:
            error = check_error(check, edit(load(document)))
            assert (error.pointer, error.got) == (pointer, got)
            assert error.expected not in ("", "a value")

    check_rows(rows, check_row)


def check_error(check: Callable[[Any], object], document: Any) -> ContractError:
    """Return the error of a check that must reject the document."""
    with pytest.raises(ContractError) as caught:
        check(document)
    return caught.value


def _walk(document: Any, pointer: str) -> tuple[Any, Any, Any]:
    changed = parent = deepcopy(document)
    *steps, last = pointer.split("/")[1:]
    for step in steps:
        parent = parent[int(step) if isinstance(parent, list) else step]
    return changed, parent, int(last) if isinstance(parent, list) and last != "-" else last
