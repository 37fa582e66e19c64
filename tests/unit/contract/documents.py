"""The documents in `data/`, and small changes that break them."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from mailhooks.contract import ContractError

DATA = Path(__file__).parent / "data"

Edit = Callable[[Any], Any]
"""Makes another document of one, which it leaves as it is."""


def load(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text("utf-8"))


def named(pattern: str) -> list[str]:
    """The names of the documents that fit the pattern; there must be some."""
    found = sorted(path.stem for path in DATA.glob(f"{pattern}.json"))
    assert found, pattern
    return found


def put(pointer: str, value: Any) -> Edit:
    """Sets what is at the JSON Pointer; `/-` at its end appends to a list."""

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
    """Takes out what is at the JSON Pointer."""

    def edit(document: Any) -> Any:
        changed, parent, key = _walk(document, pointer)
        del parent[key]
        return changed

    return edit


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(document: Any) -> Any:
        for one in edits:
            document = one(document)
        return document

    return edit


def row(sentence: str, edit: Edit, pointer: str, got: str) -> Any:
    """A line of a table of broken documents: what is wrong, how it is made, and what the error must say."""
    return pytest.param(edit, pointer, got, id=sentence)


def refused(check: Callable[[Any], object], document: Any) -> ContractError:
    """The error with which a check refuses the document."""
    with pytest.raises(ContractError) as caught:
        check(document)
    return caught.value


def _walk(document: Any, pointer: str) -> tuple[Any, Any, Any]:
    changed = parent = deepcopy(document)
    *steps, last = pointer.split("/")[1:]
    for step in steps:
        parent = parent[int(step) if isinstance(parent, list) else step]
    return changed, parent, int(last) if isinstance(parent, list) and last != "-" else last
