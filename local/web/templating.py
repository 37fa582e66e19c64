"""What all pages share: the history, the actions, and templates in which every value is escaped."""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from local.mail.history import Destination, History, State
from local.mail.verdict import Origin
from local.viewer.templating import create_environment
from local.web.actions import Actions
from mailhooks.contract import FlowDirection

_MAX_SHOWN: Final = 30_000
_SHORT: Final = 110
FOLDER: Final = Path(__file__).parent
_SUBDUED: Final = {Destination.INBOX: "good", Destination.JUNK: "warn", Destination.BOUNCED: "bad", Destination.DROPPED: "bad"}
_DIRECTIONS: Final = {FlowDirection.INBOUND: "In", FlowDirection.OUTBOUND: "Out"}
_ORIGINS: Final = {
    Origin.NAMED: "the response names the recipient",
    Origin.ALL: "the response, for all recipients",
    Origin.FALLBACK: "the rule's fallback action",
    Origin.ADDED: "the response adds the recipient, as Bcc",
    Origin.RULE: "the rule",
}
_STATES: Final = {State.ACCEPTED: "waiting", State.RETRYING: "trying again", State.DECIDED: "being delivered", State.DONE: "done"}


@dataclass(frozen=True, slots=True)
class Site:
    """One local WorkMail, shown.

    Attributes:
        history: what can be read of the messages.
        actions: what else can be done.
    """

    history: History
    actions: Actions

    def page(self, request: Request, template: str, context: Mapping[str, Any] | None = None, status: int = 200) -> HTMLResponse:
        """A template as an answer. A lone surrogate in a name that mail gave is shown as `?`."""
        text = templates().get_template(template).render(path=request.url.path, version=self.history.version(), **(context or {}))
        return HTMLResponse(text.encode("utf-8", "replace"), status)


@cache
def templates() -> Environment:
    """The templates and what they can call; read once."""
    environment = create_environment(FOLDER / "templates")
    environment.filters |= {
        "clock": clock,
        "iso": iso,
        "size": size,
        "duration": duration,
        "few": few,
        "bad_first": bad_first,
        "pretty": pretty,
        "cut": cut,
        "quoted": shlex.quote,
    }
    environment.globals |= {
        "place_class": lambda place: _SUBDUED.get(place, "plain"),
        "direction_word": lambda direction: _DIRECTIONS[direction],
        "origin_word": lambda origin: _ORIGINS[origin],
        "state_word": lambda state: _STATES[state],
        "now": time.time,
    }
    return environment


def bad_first(places: Sequence[tuple[Destination, int]]) -> list[tuple[Destination, int]]:
    """What somebody should see first, as a narrow cell shows no more."""
    order = ("bad", "warn", "good", "plain")
    return sorted(places, key=lambda place: order.index(_SUBDUED.get(place[0], "plain")))


def clock(seconds: float) -> str:
    """A time of day, with the date when it is not today's. In the machine's zone.

    >>> clock(0).endswith("1970") or clock(0)
    True
    """
    moment, today = datetime.fromtimestamp(seconds).astimezone(), datetime.now().astimezone()
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment:%H:%M}, {moment.day} {moment:%b}" + ("" if moment.year == today.year else f" {moment.year}")


def iso(seconds: float) -> str:
    """For `<time datetime>`, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def size(count: int) -> str:
    """A number of octets.

    >>> size(1), size(15_320), size(41_200_000)
    ('1 byte', '15.3 kB', '41.2 MB')
    """
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def duration(milliseconds: float) -> str:
    """A time that a call took.

    >>> duration(0.4), duration(23.4), duration(15_000)
    ('0.4 ms', '23 ms', '15.0 s')
    """
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"


def few(names: tuple[str, ...], most: int = 2) -> str:
    """The first of many names.

    >>> few(("a", "b", "c", "d"))
    'a, b and 2 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def pretty(document: str) -> str:
    """JSON on several lines, unless it is short; any other text as it is, and only the beginning and the end of a long one.

    >>> pretty('{"a":1}')
    '{"a": 1}'
    """
    if len(document) > _MAX_SHOWN:
        return cut(document)
    try:
        found = json.loads(document)
        line = json.dumps(found, ensure_ascii=False)
        return line if len(line) <= _SHORT else cut(json.dumps(found, indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return document


def cut(text: str) -> str:
    """The text, or the beginning and the end of a long one."""
    if len(text) <= _MAX_SHOWN:
        return text
    half = _MAX_SHOWN // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters are left out ...\n{text[-half:]}"
