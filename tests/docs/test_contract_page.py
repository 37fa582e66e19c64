"""The examples in the docstrings of `mailhooks.contract` and in docs/contract.md have the documented results."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

from mailhooks import contract

MODULES = [contract.__name__, *(f"{contract.__name__}.{module.name}" for module in pkgutil.iter_modules(contract.__path__))]
PAGE = Path(__file__).parents[2] / "docs/contract.md"


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_a_module_have_the_documented_results(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_in_the_modules() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(bool(found.examples) for name in MODULES for found in finder.find(importlib.import_module(name))) >= 4


def test_the_examples_on_the_page_have_the_documented_results() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.failed == 0
    assert results.attempted > 15
