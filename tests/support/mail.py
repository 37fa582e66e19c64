"""Mail for tests: the corpus, events, and a generator of headers."""

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from mailhooks.contract import MailFlowEvent

CORPUS = sorted((Path(__file__).parents[1] / "corpus/mail").glob("*.eml"))


def event(*recipients: str, direction: str = "INBOUND", sender: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a Run Lambda event as WorkMail sends it."""
    document: dict[str, Any] = {
        "summaryVersion": "2018-10-10",
        "envelope": {
            "mailFrom": {"address": "from@example.net"},
            "recipients": [{"address": address} for address in recipients or ("user@example.com",)],
        },
        "subject": "A subject",
        "messageId": "0a1b2c3d-0000-4000-8000-000000000001",
        "invocationId": "0123456789abcdef0123456789abcdef",
        "flowDirection": direction,
        "truncated": False,
    }
    if sender:
        document["sender"] = {"address": sender}
    return document | changes


def parsed(*recipients: str, **changes: Any) -> MailFlowEvent:
    return MailFlowEvent.parse(event(*recipients, **changes))


_NAMES = st.sampled_from(["Subject", "SUBJECT", "X-Mailer", "X-Checked", "x-checked", "From", "Received", "X-Long", "Odd.Name"])
_SPACE = st.sampled_from(["", " ", "\t", "  "])
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=60)
_WORDS = st.sampled_from(
    ["=?utf-8?q?caf=C3=A9?=", "=?utf-8?b?w6k=?=", "=?iso-2022-jp?B?GyRCJUYbKEI=?=", "=?no-such?q?x?=", "=?utf-8?b?!?=", "[TAG]"]
)


@st.composite
def header_blocks(draw: st.DrawFn) -> bytes:
    """Generate headers, valid and invalid: with folds, encoded words, 8-bit text, bare LF and white space anywhere."""
    newline = draw(st.sampled_from(["\r\n", "\n"]))
    lines = []
    for _ in range(draw(st.integers(0, 6))):
        body = newline.join(
            (draw(st.sampled_from([" ", "\t"])) if n else draw(_SPACE)) + draw(st.one_of(_TEXT, _WORDS))
            for n in range(draw(st.integers(1, 3)))
        )
        lines.append(f"{draw(_NAMES)}{draw(st.sampled_from(['', '', ' ']))}:{body}{newline}")
    return "".join(lines).encode() + draw(st.sampled_from([b"", newline.encode(), newline.encode() + b"Body\r\nFrom x\r\n"]))
