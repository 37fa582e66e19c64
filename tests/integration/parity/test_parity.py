"""A policy has the same result on every mail path: the same verdicts, the same bytes, the same side effects.

WorkMail's hook is the measure. docs/after.md lists the exceptions.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

import pytest

from mail_gateway.config import Protocol
from mailhooks.envelope import FlowDirection
from tests.integration.parity.adapter_paths import Path, run_gateway, run_milter_path
from tests.integration.parity.cases import Case, iterate_corpus_cases, list_mixed_cases, list_recipe_cases, list_recipes
from tests.integration.parity.exceptions import Exceptions
from tests.integration.parity.ses_path import run_ses
from tests.support.tables import check_rows

PATHS: Final[dict[str, Callable[[], AbstractContextManager[Path]]]] = {
    "gateway, SMTP": lambda: run_gateway(Protocol.SMTP),
    "gateway, LMTP": lambda: run_gateway(Protocol.LMTP),
    "milter": run_milter_path,
    "ses": run_ses,
}

INBOUND_ONLY: Final = frozenset({"ses"})


@pytest.fixture(scope="module")
def exceptions() -> Exceptions:
    return Exceptions()


@pytest.fixture(scope="module", params=PATHS)
def path(request: pytest.FixtureRequest) -> Iterator[tuple[str, Path]]:
    """The name of a mail path, and what it does with a message."""
    with PATHS[request.param]() as run:
        yield request.param, run


def compare(path: tuple[str, Path], cases: list[Case], exceptions: Exceptions) -> None:
    name, run = path

    def check(case: Case) -> None:
        expected, found = exceptions.expect(name, case), run(case)
        assert dict(found.verdicts) == dict(expected.verdicts)
        assert found.content == expected.content, _describe_difference(found.content, expected.content)
        assert found.effects == expected.effects

    rows = [(case,) for case in cases if case.direction is FlowDirection.INBOUND or name not in INBOUND_ONLY]
    # Some recipes are for outbound mail alone.
    if rows or name not in INBOUND_ONLY:
        check_rows(rows, check)


def _describe_difference(found: bytes, expected: bytes) -> str:
    at = next(
        (index for index, (one, other) in enumerate(zip(found, expected, strict=False)) if one != other), min(len(found), len(expected))
    )
    return f"at {at}: {found[at : at + 60]!r}, not {expected[at : at + 60]!r}"


def test_each_recipe_has_one_result_on_all_paths(path: tuple[str, Path], exceptions: Exceptions) -> None:
    compare(path, list_recipe_cases(), exceptions)


def test_recipients_with_different_verdicts_have_them_on_all_paths(path: tuple[str, Path], exceptions: Exceptions) -> None:
    compare(path, list_mixed_cases(), exceptions)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", list_recipes())
def test_real_mail_has_one_result_under_each_recipe(recipe: str, path: tuple[str, Path], exceptions: Exceptions) -> None:
    compare(path, list(iterate_corpus_cases(recipe)), exceptions)


def test_each_exception_of_the_page_is_needed() -> None:
    exceptions = Exceptions()
    held = (case for case in list_recipe_cases() if case.recipe == "payments-for-approval")
    for case in (*list_mixed_cases(), *held, *iterate_corpus_cases("external-sender-banner")):
        exceptions.expect("milter", case)
        if exceptions.used.keys() == exceptions.paths.keys():
            break
    assert exceptions.used.keys() == exceptions.paths.keys()
