"""The base of all pages: history, actions, and templates that escape every value."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from jinja2.filters import do_filesizeformat
from starlette.requests import Request
from starlette.responses import HTMLResponse

from workmail_local.free_busy.model import Event
from workmail_local.mail.history import Destination, History, State
from workmail_local.mail.search_query import SearchQuery
from workmail_local.mail.verdict import Origin
from workmail_local.viewer.templating import create_environment
from workmail_local.web.actions import Actions
from workmail_local.web.log_lines import read_log

MOST_PROBLEMS: Final = 100
"""Messages with a problem that a page counts."""

_PROBLEMS: Final = SearchQuery.parse("is:problem")
_MAX_SHOWN: Final = 30_000
_LINE: Final = 110
FOLDER: Final = Path(__file__).parent
_COLOURS: Final = {Destination.INBOX: "good", Destination.JUNK: "warn", Destination.BOUNCED: "bad", Destination.DROPPED: "bad"}
_ORIGINS: Final = {
    Origin.NAMED: "from the response, for this recipient",
    Origin.ALL: "from the response, for all recipients",
    Origin.FALLBACK: "the rule's fallback action",
    Origin.ADDED: "the response adds this recipient, as Bcc",
    Origin.RULE: "the rule's action",
}
_STATES: Final = {
    State.ACCEPTED: "waiting",
    State.RETRYING: "retrying",
    State.HELD: "held",
    State.DECIDED: "delivering",
    State.DONE: "done",
}


@dataclass(frozen=True, slots=True)
class Site:
    """The local WorkMail that the pages show.

    Attributes:
        prefix: of all paths; see `create_app`.
    """

    history: History
    actions: Actions
    prefix: str = ""

    def find_path(self, request: Request) -> str:
        """Return the path of a request without the prefix."""
        return request.url.path.removeprefix(self.prefix)

    def version(self) -> str:
        """Return a text that differs after every change of the messages, of the errors in saved files, and of the webhook's failure."""
        version: str = self.load_status()["version"]
        return version

    def load_status(self) -> dict[str, Any]:
        """Return the values that each page shows with its own: the errors in saved files, the webhook's failure, and the version."""
        files, webhook = self.actions.list_file_problems(), self.actions.find_webhook_failure()
        problems = tuple(filter(None, (*files, webhook)))
        version = f"{self.history.version()}" + (f"-{hash(problems):x}" if problems else "")
        return {"version": version, "file_problems": files, "webhook_failure": webhook}

    def list_troubled(self) -> list[int]:
        """Return the numbers of the newest messages that have a problem."""
        return [summary.number for summary in self.history.summaries(limit=MOST_PROBLEMS, query=_PROBLEMS)]

    def render(self, request: Request, template: str, context: Mapping[str, Any] | None = None, status: int = 200) -> HTMLResponse:
        """Render a template. A lone surrogate in text from a message becomes `?`.

        Args:
            context: its values. With those of `load_status`, the page has the version that was current before its other values were read.
        """
        context = context or {}
        values = {
            "path": self.find_path(request),
            "root": self.prefix,
            # A function, because only a whole page needs its result.
            "list_troubled": self.list_troubled,
            **({} if "version" in context else self.load_status()),
            **context,
        }
        text = load_templates().get_template(template).render(values)
        return HTMLResponse(text.encode("utf-8", "replace"), status)


@cache
def load_templates() -> Environment:
    """Return the templates with their filters and globals, loaded once."""
    environment = create_environment(FOLDER / "templates")
    environment.filters |= {
        "clock": format_time,
        "iso": format_iso,
        "size": lambda count: do_filesizeformat(count).replace("Byte", "byte"),
        "duration": format_duration,
        "period": format_period,
        "first_names": join_first,
        "worst_first": sort_worst_first,
        "format_json": format_json,
        "shorten": shorten,
        "log_lines": read_log,
        "quoted": shlex.quote,
    }
    environment.tests["allowed_by"] = lambda address, server: server.allows(address)
    environment.globals |= {
        "destination_class": lambda destination: _COLOURS.get(destination, "plain"),
        "origins": _ORIGINS,
        "states": _STATES,
    }
    return environment


def sort_worst_first(destinations: Sequence[tuple[Destination, int]]) -> list[tuple[Destination, int]]:
    """Sort bounces and drops first: a narrow cell shows only the first destinations."""
    order = ("bad", "warn", "good", "plain")
    return sorted(destinations, key=lambda counted: order.index(_COLOURS.get(counted[0], "plain")))


def format_time(seconds: float) -> str:
    """Format a time of day in this machine's zone, with the date if it is not today.

    >>> format_time(86_400 * 2)[-12:-5]
    ' 1970, '
    """
    moment, today = datetime.fromtimestamp(seconds).astimezone(), datetime.now().astimezone()
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    year = "" if moment.year == today.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year}, {moment:%H:%M}"


def format_iso(seconds: float) -> str:
    """Format a moment for `<time datetime>`, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def format_duration(milliseconds: float) -> str:
    """Format the duration of a call.

    >>> format_duration(0.4), format_duration(23.4), format_duration(15_000)
    ('0.4 ms', '23 ms', '15.0 s')
    """
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 10_000 else f"{milliseconds / 1000:.1f} s"


def format_period(event: Event) -> str:
    """Format the time of a calendar event."""
    start, end = event.start, event.end
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
    return f"{start:%a} {start.day} {start:%b %H:%M} - {until}"


def join_first(names: tuple[str, ...], limit: int = 2) -> str:
    """Join the first names, and count the others.

    >>> join_first(("a", "b", "c", "d"))
    'a, b and 2 more'
    """
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def format_json(text: str) -> str:
    """Indent JSON that does not fit into one line, and shorten a long text. Other text stays as it is.

    >>> format_json('{"a":1}')
    '{"a": 1}'
    """
    if len(text) > _MAX_SHOWN:
        return shorten(text)
    try:
        document = json.loads(text)
        line = json.dumps(document, ensure_ascii=False)
        return line if len(line) <= _LINE else shorten(json.dumps(document, indent=2, ensure_ascii=False))
    except (ValueError, RecursionError):
        return text


def shorten(text: str) -> str:
    """Remove the middle of a long text."""
    if len(text) <= _MAX_SHOWN:
        return text
    half = _MAX_SHOWN // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters are not shown ...\n{text[-half:]}"
