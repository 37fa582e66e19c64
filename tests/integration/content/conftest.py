"""The mail parsers of npm, which the tests of a module share."""

from collections.abc import Iterator

import pytest

from tests.support import mail_parsers
from tests.support.mail_parsers import MailParsers


@pytest.fixture(scope="module")
def parsers() -> Iterator[MailParsers]:
    if not mail_parsers.are_installed():
        pytest.skip(mail_parsers.REASON)
    with MailParsers() as started:
        yield started
