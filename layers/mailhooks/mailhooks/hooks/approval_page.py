"""The approval page as HTML: one form without scripts, pictures, links or anything remote (HTML standard; WCAG 2.2, level AA).

Each value of the message is escaped and in a `bdi` element, so that its writing direction changes no other text.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from mailhooks.aws.hold_table import AT_TIMEOUT, HoldRecord
from mailhooks.core.holds.approval_links import PARAMETER
from mailhooks.hooks.message_preview import TEXT_CHARACTERS, Attachment, MessagePreview, make_displayable_line
from mailhooks.report_names import HoldState

REASON_CHARACTERS: Final = 500
"""Of an approver's reason, at most."""

_MOST_RECIPIENTS: Final = 20

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1f24; --ground: #f3f4f6; --card: #fff; --quiet: #545b64; --line: #c9ced6;
  --good: #0a6b33; --bad: #a4161a; --on: #fff; --note: #fff4ce; }
@media (prefers-color-scheme: dark) { :root { --text: #e9ecef; --ground: #14171a; --card: #1e2226; --quiet: #abb3bd; --line: #454c54;
  --good: #7fd99e; --bad: #ff9d9d; --on: #101214; --note: #3b3212; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 1rem; }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
section, form { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; margin: 0 0 1rem; }
dl { margin: 0; display: grid; grid-template-columns: minmax(5rem, max-content) minmax(0, 1fr); gap: .35rem 1rem; }
dt, .quiet { color: var(--quiet); }
dd { margin: 0; min-width: 0; }
dd p { margin: 0; }
ul { margin: 0; padding-left: 1.25rem; }
h2 + p { margin-top: 0; }
section > :last-child, form > :last-child { margin-bottom: 0; }
.text { white-space: pre-wrap; unicode-bidi: plaintext; max-height: 60vh; overflow: auto; margin: 0; font: inherit; }
.note { background: var(--note); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 0 0 1rem; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
textarea + p { margin: .25rem 0 0; }
textarea { width: 100%; min-height: 5rem; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--quiet);
  border-radius: .35rem; padding: .5rem; }
.choice { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1rem; }
.choice > div { flex: 1 1 15rem; }
button { width: 100%; min-height: 3rem; font: inherit; font-weight: 600; color: var(--on); border: 0; border-radius: .35rem;
  cursor: pointer; }
button[value=approve] { background: var(--good); }
button[value=reject] { background: var(--bad); }
button:focus-visible, textarea:focus-visible, .text:focus-visible { outline: 3px solid var(--text); outline-offset: 2px; }
.choice p { margin: .35rem 0 0; }
@media (max-width: 30rem) { dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dd { margin-bottom: .5rem; } }
"""

HEADERS: Final = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
    ),
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "x-content-type-options": "nosniff",
}
"""The header fields of each response: no script, no frame, nothing remote; the link is neither cached nor sent to another site."""

AFTER_DECISION: Final = "The decision is applied at the next attempt, minutes or hours from now."

_STATES: Final = {
    HoldState.PENDING: "waits for a decision",
    HoldState.APPROVED: "was approved",
    HoldState.REJECTED: "was rejected",
    HoldState.TIMED_OUT: "had no decision in time, so that the rule decided",
    HoldState.WITHDRAWN: "needs no decision any more",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A response: an HTTP status and a document."""

    status: int
    html: str


def make_notice(status: int, heading: str, *paragraphs: str) -> Page:
    """Return a page without a form. The texts are not from a message."""
    return _make_page(status, heading, "".join(f"<p>{escape(text)}</p>" for text in paragraphs))


def make_form(record: HoldRecord, token: str, preview: MessagePreview | None, now: float, *, problem: str = "", reason: str = "") -> Page:
    """Return the page on which an approver decides.

    Args:
        preview: None if the content of the message cannot be read.
        problem: what is wrong with the form that was sent.
        reason: the text that was sent with it.
    """
    until = _format_time(record.timeout_at)
    lead = (
        f"<p>The rule <q><bdi>{_line(record.rule)}</bdi></q> holds this message. The first decision counts, yours or that of another "
        f"approver, and is final. Without a decision until <strong>{until}</strong> ({_format_span(record.timeout_at - now)}), "
        f"the message {AT_TIMEOUT[record.on_timeout]}.</p>"
    )
    note = f'<p class="note" role="alert">{escape(problem)}</p>' if problem else ""
    return _make_page(
        400 if problem else 200,
        "Approve or reject this message",
        f"{lead}{note}{_describe_message(record, preview)}{_make_form(token, reason)}",
    )


def make_decided(record: HoldRecord, *, own: bool, status: int = 200) -> Page:
    """Return the page for a message with a decision.

    Args:
        own: whether the approver of the link decided.
        status: 409 if the approver has just tried to decide again.
    """
    by_person = record.state in {HoldState.APPROVED, HoldState.REJECTED}
    by = (" by you" if own else " by another approver") if by_person else ""
    at = f" on {_format_time(record.decided_at)}" if record.decided_at is not None else ""
    again = "<p>Your decision was not recorded: the first one is final.</p>" if status == 409 else ""
    return _make_page(
        status, f"This message {_STATES[record.state]}", f"<p>It {_STATES[record.state]}{by}{at}.</p>{again}<p>{AFTER_DECISION}</p>"
    )


def describe_state(record: HoldRecord) -> str:
    """Return the state of a message as a sentence, with the time of the decision."""
    at = f" on {_spell_time(record.decided_at)}" if record.decided_at is not None else ""
    return f"The message {_STATES[record.state]}{at}."


def _make_page(status: int, heading: str, body: str) -> Page:
    return Page(
        status,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(heading)}</title><style>{_STYLE}</style></head>\n<body><main><h1>{escape(heading)}</h1>\n{body}</main></body></html>\n",
    )


def _describe_message(record: HoldRecord, preview: MessagePreview | None) -> str:
    sender = record.mail_from or "(none: a delivery report)"
    rows = [("Sender", _bdi(sender))]
    if preview and preview.author and record.mail_from != preview.author:
        rows.append(("From, as shown", _isolate_addresses(_bdi(preview.author))))
    rows += [
        ("Recipients", _list_recipients(record)),
        ("Subject", _bdi(preview.subject or "(none)") if preview else "(not available)"),
        ("Direction", "incoming" if record.direction == "INBOUND" else "outgoing"),
    ]
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    envelope = f'<section aria-labelledby="message"><h2 id="message">Message</h2><dl>{facts}</dl></section>\n'
    if preview is None:
        return (
            envelope + '<p class="note">The content of the message cannot be shown: it is kept for a limited time, or cannot be read now. '
            "You can still decide.</p>\n"
        )
    cut = f'<p class="quiet">Only the first {TEXT_CHARACTERS:,} characters are shown.</p>' if preview.is_cut and preview.text else ""
    text = escape(preview.text) or ("(no text in the part of the message that this page reads)" if preview.is_cut else "(no text)")
    return (
        f'{envelope}<section aria-labelledby="text"><h2 id="text">Text</h2>'
        f'<div class="text" dir="auto" tabindex="0" role="region" aria-labelledby="text">{text}</div>{cut}</section>\n'
        f'<section aria-labelledby="files"><h2 id="files">Attachments</h2>{_list_attachments(preview)}</section>\n'
    )


def _list_recipients(record: HoldRecord) -> str:
    held = record.recipients if record.held is None else record.held
    known = [address for address in held if address]
    shown = _list_with_rest(map(_bdi, known[:_MOST_RECIPIENTS]), len(known) - _MOST_RECIPIENTS)
    # A truncated event omits recipients.
    omitted = "<p>and recipients that the rule does not know</p>" if len(known) < len(held) else ""
    others = len(set(map(str.lower, record.recipients)) - set(map(str.lower, held)))
    note = f'<p class="quiet">{_count(others, "other recipient")} not part of this decision.</p>' if others else ""
    return shown + omitted + note


def _count(number: int, noun: str) -> str:
    return f"1 {noun} is" if number == 1 else f"{number} {noun}s are"


def _list_attachments(preview: MessagePreview) -> str:
    if not preview.attachments:
        return "<p>None.</p>"
    return _list_with_rest(map(_describe_attachment, preview.attachments), preview.more_attachments)


def _describe_attachment(attachment: Attachment) -> str:
    others = f" <span>(also named {', '.join(map(_bdi, attachment.other_names))})</span>" if attachment.other_names else ""
    return f'{_bdi(attachment.name)}{others} <span class="quiet">{_format_size(attachment.octets)}</span>'


def _list_with_rest(entries: Iterable[str], rest: int) -> str:
    items = [*entries, *([f"and {rest} more"] if rest > 0 else [])]
    return items[0] if len(items) == 1 else f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _make_form(token: str, reason: str) -> str:
    return (
        # An empty query, so that the link is not in the address of the next page.
        '<form method="post" action="?" aria-labelledby="decision"><h2 id="decision">Decision</h2>'
        f'<input type="hidden" name="{PARAMETER}" value="{escape(token)}">'
        '<label for="reason">Reason, if you reject</label>'
        f'<textarea id="reason" name="reason" maxlength="{REASON_CHARACTERS}" aria-describedby="reason-note">{escape(reason)}</textarea>'
        f'<p class="quiet" id="reason-note">The sender may read it in the bounce message. At most {REASON_CHARACTERS} characters.</p>'
        '<div class="choice"><div><button name="decision" value="approve" aria-describedby="approve-note">Approve</button>'
        '<p class="quiet" id="approve-note">The other rules apply, and then the message is delivered.</p></div>'
        '<div><button name="decision" value="reject" aria-describedby="reject-note">Reject</button>'
        '<p class="quiet" id="reject-note">These recipients do not get the message. The sender gets a bounce message.</p></div></div>'
        f'<p class="quiet">{AFTER_DECISION}</p></form>'
    )


def _bdi(text: str) -> str:
    return f"<bdi>{_line(text)}</bdi>"


def _isolate_addresses(markup: str) -> str:
    """Return escaped text in which each `<address>` reads from left to right, also next to a name that reads from right to left."""
    return re.sub(r"&lt;[^\s&]+@[^\s&]+&gt;", r'<bdi dir="ltr">\g<0></bdi>', markup)


def _line(text: str) -> str:
    return escape(make_displayable_line(text))


def _format_time(seconds: float) -> str:
    return f'<time datetime="{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}">{_spell_time(seconds)}</time>'


def _spell_time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _format_span(seconds: float) -> str:
    """Return a time from now, such as `in 1 hour 20 minutes`."""
    minutes = max(0, int(seconds // 60))
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in ((hours, "hour"), (minutes, "minute")) if number]
    return f"in {' '.join(parts)}" if parts else "in less than a minute"


def _format_size(octets: int) -> str:
    if octets < 1000:
        return f"{octets} bytes"
    return f"{octets / 1000:,.0f} kB" if octets < 999_500 else f"{octets / 1_000_000:,.1f} MB"
