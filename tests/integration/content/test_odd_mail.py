"""What independent parsers show of odd messages after our rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.attachments import AttachmentRules, strip
from mailhooks.content.disclaimer import add_disclaimer
from mailhooks.errors import CannotChangeSafely
from tests.support.mail_parsers import MailParsers
from tests.support.odd_mail import make_odd_message

RULES = AttachmentRules.checked(extensions=["exe"], forwarded="strip")


@st.composite
def odd_messages(draw: st.DrawFn) -> bytes:
    return make_odd_message(lambda choices: draw(st.sampled_from(choices)))


@pytest.mark.fuzz
@given(raw=odd_messages())
def test_no_parser_shows_a_forbidden_name_that_is_let_through(parsers: MailParsers, raw: bytes):
    try:
        after = strip(raw, RULES)
    except CannotChangeSafely:
        return
    shown = {name: view.names for name, view in parsers.view(after).items()}
    assert not [name for names in shown.values() for name in names if ".exe" in name.lower()], shown


@pytest.mark.fuzz
@given(raw=odd_messages())
def test_every_parser_shows_a_disclaimer_that_is_added(parsers: MailParsers, raw: bytes):
    after = add_disclaimer(raw, text="Example GmbH, Cologne", html="")
    if after is raw:
        return
    before = parsers.view(raw)
    without = [name for name, view in parsers.view(after).items() if "Example GmbH, Cologne" not in view.text and before[name].text.strip()]
    assert not without


def test_the_parsers_show_names_and_text(parsers: MailParsers):
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Content-Type: application/x; name=invoice.exe\r\n\r\nMZ\r\n--b--\r\n"
    )
    views = parsers.view(raw)
    assert list(views) == ["email", "postal-mime", "mailparser"]
    assert all("Hello" in view.text and "invoice.exe" in view.names for view in views.values())
