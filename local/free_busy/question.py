"""`python -m local availability`: what the availability function would answer, on a laptop, as a picture or as JSON."""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from local.console.style import Style
from local.errors import InvalidArgument
from local.free_busy.timeline import Marks, Timeline
from mailhooks.availability import timezones
from mailhooks.availability.function import config
from mailhooks.availability.function.config import Configured
from mailhooks.availability.function.config_source import FileSource, SecretSource, Source
from mailhooks.availability.provider import LookupStats
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest, Window
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError

_SECRET: Final = "secret:"  # noqa: S105 - a prefix
_NARROWEST, _WIDEST = 60, 160


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask.

    Attributes:
        mailboxes: addresses.
        requester: who asks; what is seen depends on it.
        begin, end: as typed: `today`, a date or a local date and time; `""` for today and for the end of the day that it begins on.
        zone: whose local time that is, and what the picture shows; `""` for the machine's own.
    """

    mailboxes: Sequence[str]
    requester: str
    begin: str = ""
    end: str = ""
    zone: str = ""

    def request(self, window: Window) -> dict[str, Any]:
        """As WorkMail would send it."""
        name = self.requester.partition("@")[0] or self.requester
        return {
            "requester": {"email": self.requester, "userName": name, "organization": "m-" + "0" * 32, "userId": name},
            "mailboxes": list(self.mailboxes),
            "window": {"startDate": window.start_date.isoformat(), "endDate": window.end_date.isoformat()},
        }


def availability(where: str, question: Question, *, as_json: bool = False) -> int:
    """Answers the question and prints the answer.

    Args:
        where: the configuration: a file, or `secret:NAME` in Secrets Manager.
        as_json: print the response for WorkMail and nothing else.

    Returns:
        0, also when mailboxes have errors.

    Raises:
        InvalidArgument: the configuration or the question cannot be meant.
    """
    configured = _configured(where)
    zone = _zone(question.zone)
    window = _window(question, zone)
    try:
        request = AvailabilityRequest.parse(question.request(window))
    except ContractError as error:
        raise InvalidArgument(str(error)) from None
    if not as_json:
        # Of use for reading working hours, whatever sign WorkMail shall get.
        configured.provider.convert = _unchanged
    tally = LookupStats()
    response = configured.provider.answer(request, Deadline.after(configured.budget_s), tally)
    if as_json:
        print(json.dumps(response, indent=2, ensure_ascii=False))
        return 0
    for line in _picture(response, tally, request, configured, zone):
        print(line)
    return 0


def check(where: str) -> int:
    """Checks a configuration without asking anybody, and prints what it says but for its secrets.

    Returns:
        0.

    Raises:
        InvalidArgument: it cannot be meant.
    """
    provider = _configured(where).provider
    for name, backend in provider.backends.items():
        limits = backend.limits
        span = f"{limits.span.days} days" if limits.span else "any time"
        print(f"backend {name:<16} {type(backend).__name__:<16} {limits.mailboxes} mailboxes, {span} a look-up, {limits.at_once} at once")
    for pattern, name in provider.routes.entries:
        print(f"route   {pattern!s:<34} {name}")
    for pattern, show in provider.privacy.rules:
        print(f"shows   {pattern!s:<34} {show}")
    print(f"{'OK':8}the configuration can be used")
    return 0


def _configured(where: str) -> Configured:
    try:
        return config.load(_source(where).read(fresh=True))
    except SettingsError as error:
        raise InvalidArgument(str(error)) from None


def _source(where: str) -> Source:
    return SecretSource(where.removeprefix(_SECRET)) if where.startswith(_SECRET) else FileSource(Path(where))


def _unchanged(hours: Any) -> Any:
    return hours


def _zone(name: str) -> ZoneInfo:
    if not name:
        from tzlocal import get_localzone

        try:
            local: ZoneInfo = get_localzone()
        except LookupError:
            raise InvalidArgument("this machine's time zone (TZ) is none: give --zone") from None
        return local
    found = timezones.zone(name)
    if found is None:
        raise InvalidArgument("--zone takes a time zone's name, such as Europe/Berlin")
    return found


def _window(question: Question, zone: ZoneInfo) -> Window:
    begin = _moment("--from", question.begin or "today", zone)
    if not 1970 <= begin.year <= 2200:
        raise InvalidArgument("--from takes a time of our days")
    if question.end:
        end = _moment("--to", question.end, zone, is_end=True)
    else:
        end = datetime.combine(begin.date() + timedelta(days=1), time(), zone)
    if end.astimezone(UTC) <= begin.astimezone(UTC):
        raise InvalidArgument("--to takes a time after --from")
    return Window(begin.astimezone(UTC), end.astimezone(UTC))


def _moment(option: str, text: str, zone: ZoneInfo, *, is_end: bool = False) -> datetime:
    """A day alone means its beginning; as an end, all of it."""
    try:
        day = datetime.now(zone).date() if text.lower() == "today" else date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime.combine(day + timedelta(days=int(is_end)), time(), zone)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"{option} takes today, a date such as 2026-05-04, or a time such as 2026-05-04T08:30") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _picture(response: Any, tally: LookupStats, request: AvailabilityRequest, configured: Configured, zone: ZoneInfo) -> Iterator[str]:
    style = Style.of(sys.stdout)
    window = request.window
    start, end = window.start_date.astimezone(zone), window.end_date.astimezone(zone)
    show = configured.provider.privacy.show(request.requester.email)
    seen = {"busy": "times only", "details": "details of what is not private"}[show]
    yield f"{style.bold('Free/busy')}   {_written(start)} - {_written(end)}  ({zone.key})"
    yield f"Asked by    {request.requester.email}, who sees {seen}"
    asked = ", ".join(f"{name} {count}" for name, count in tally.mailboxes.items())
    yield f"Asked of    {asked or 'nobody'}\n"
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
    yield from Timeline(window, zone, Marks.of(sys.stdout.encoding), style, width).lines(response, tally.failed)


def _written(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y %H:%M}"
