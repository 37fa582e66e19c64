"""A gate before the shared local WorkMail, and a company whose mail goes through it."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.integration.drills.company import Company, found_company
from tests.integration.drills.gate import Gate, open_gate
from workmail_local.workmail import LocalWorkMail


@pytest.fixture
def gate(workmail: LocalWorkMail) -> Iterator[Gate]:
    with open_gate(workmail) as opened:
        yield opened


@pytest.fixture
def company(workmail: LocalWorkMail) -> Iterator[Company]:
    workmail.organization.add_user("ana@example.com")
    workmail.organization.add_group("board@example.com", [])
    with found_company(workmail) as founded:
        yield founded


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore try again at once."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _seconds: None))
