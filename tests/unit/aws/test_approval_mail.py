"""The mail to approvers: what it has, and that no value of a message changes its header or its HTML."""

from html.parser import HTMLParser
from typing import Any

import pytest

from mailhooks.aws.approval_mail import ApprovalRequest, make_mail
from tests.support.holds import SENDER, parse_mail

LINK = "https://approve.example.com/?token=" + "a" * 200 + ".0.1800000000&x=1"
MARK = "1800000000." + "0" * 43


def request(**changes: Any) -> ApprovalRequest:
    values = {
        "rule": "four eyes",
        "sender": "ana@example.com",
        "recipients": ("ben@example.net", "cleo@example.net"),
        "is_truncated": False,
        "subject": "Offer",
        "timeout_at": 1_800_000_000,
        "on_timeout": "bounce",
    }
    return ApprovalRequest(**(values | changes))


def bodies(**changes: Any) -> tuple[str, str]:
    """Return the text and the HTML of a mail."""
    mail = parse_mail(make_mail(SENDER, "boss@example.com", LINK, MARK, request(**changes)))
    text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()


class Page(HTMLParser):
    """The tags, links and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_and_html_name_the_message_its_end_and_the_link() -> None:
    text, page = bodies()
    for shown in (text, Page(page).text):
        for value in (
            "four eyes",
            "ana@example.com",
            "ben@example.net, cleo@example.net",
            "Offer",
            "15 January 2027, 08:00 UTC",
            "returned to its",
        ):
            assert value in shown
    assert LINK in text
    assert Page(page).links == [LINK]


@pytest.mark.parametrize("on_timeout, words", [("deliver", "delivered without"), ("bounce", "returned to its sender"), ("drop", "deleted")])
def test_the_mail_names_what_happens_without_a_decision(on_timeout: str, words: str) -> None:
    text, page = bodies(on_timeout=on_timeout)
    assert words in text
    assert words in page


def test_the_header_is_that_of_automatic_mail_to_one_approver() -> None:
    mail = parse_mail(make_mail(SENDER, "boss@Bücher.example", LINK, MARK, request()))
    names = ("From", "To", "Subject", "Auto-Submitted", "X-Mailhooks-Approval")
    assert [str(mail[name]) for name in names] == [SENDER, "boss@xn--bcher-kva.example", "Approve or reject: Offer", "auto-generated", MARK]
    assert all(len(mail.get_all(name, [])) == 1 for name in (*names, "Date", "MIME-Version", "Content-Type"))
    assert mail["Cc"] is mail["Bcc"] is None


HOSTILE = (
    "a\r\nBcc: evil@example.org",
    "a\nX-Mailhooks-Approval: 1",
    "\x00\x1b[31m\u202eevil\u2028\ud800",
    "=?utf-8?q?=0D=0ABcc:_evil@example.org?=",
    "</title></td><script>alert(1)</script><a href='https://evil.example'>x",
    '"><img src=x onerror=alert(1)>',
    "é" * 5000,
    "",
)


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_a_hostile_value_is_one_line_of_text(value: str) -> None:
    changes = {"subject": value, "sender": value, "rule": value, "recipients": (value, "ben@example.net")}
    raw = make_mail(SENDER, "boss@example.com", LINK, MARK, request(**changes))
    mail = parse_mail(raw)
    plain = parse_mail(make_mail(SENDER, "boss@example.com", LINK, MARK, request()))
    assert mail.keys() == plain.keys()
    assert (mail["From"], mail["To"], mail["X-Mailhooks-Approval"]) == (SENDER, "boss@example.com", MARK)
    assert str(mail["Subject"]).startswith("Approve or reject: ")
    assert str(mail["Subject"]).isprintable()
    text, page = bodies(**changes)
    assert len(text.splitlines()) == len(bodies()[0].splitlines())
    assert Page(page).tags == Page(bodies()[1]).tags
    assert Page(page).links == [LINK]
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) < 998


def test_the_mail_has_the_terms_of_the_approval_page() -> None:
    text, _ = bodies(sender="")
    assert [line.partition(":")[0] for line in text.splitlines()[2:7]] == ["Rule", "Sender", "Recipients", "Subject", "Decide by"]
    assert "Sender:      none: a delivery report" in text


def test_many_and_omitted_recipients_are_counted() -> None:
    addresses = tuple(f"u{number}@example.net" for number in range(500))
    text, _ = bodies(recipients=addresses, is_truncated=True)
    assert "u9@example.net, and 490 more, and others that WorkMail does not name" in text
    assert "u10@" not in text
