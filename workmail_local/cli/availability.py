"""`workmail-hooks availability`: ask the availability provider on this machine and print its answer as a timeline or as JSON."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mailhooks.availability.function import config
from mailhooks.availability.function.config import Configuration
from mailhooks.availability.function.config_source import FileSource, SecretSource
from mailhooks.availability.provider import LookupStats
from mailhooks.contract.availability import AvailabilityRequest
from mailhooks.deadline import Deadline
from mailhooks.errors import SettingsError
from workmail_local.console.style import Style
from workmail_local.errors import InvalidArgument, InvalidField
from workmail_local.free_busy.model import Calendar
from workmail_local.free_busy.question import Question
from workmail_local.free_busy.timeline import Timeline, choose_marks

_SECRET: Final = "secret:"  # noqa: S105 - a prefix
_MIN_WIDTH, _MAX_WIDTH = 60, 160
_OPTIONS: Final = {"mailboxes": "--ask", "requester": "--as", "begin": "--from", "end": "--to", "zone": "--zone"}
_SHOWN: Final = {"busy": "times only", "details": "details of events that are not private"}


def ask(where: str, question: Question, *, as_json: bool = False) -> int:
    """Answer a question and print the answer. Return 0, also when mailboxes have errors.

    Args:
        where: the configuration: a file, or `secret:NAME` in Secrets Manager.
        as_json: print only the response for WorkMail.

    Raises:
        InvalidArgument: the configuration or the question cannot be used.
    """
    configured = _load_configuration(where)
    try:
        document, calendar = question.check()
    except InvalidField as error:
        raise InvalidArgument(f"{_OPTIONS[error.field]}: {error}") from None
    request = AvailabilityRequest.parse(document)
    if not as_json:
        # The timeline reads working hours in EWS's sign, whichever sign `biasSign` has for WorkMail.
        configured.provider.convert = lambda hours: hours
    stats = LookupStats()
    response = configured.provider.answer(request, Deadline.after(configured.budget_s), stats)
    if as_json:
        print(json.dumps(response, indent=2, ensure_ascii=False))
    else:
        print(*_format_answer(response, stats, request.requester.email, configured, calendar), sep="\n")
    return 0


def check(where: str) -> int:
    """Check a configuration without connecting to a backend, and print it without its secrets. Return 0.

    Raises:
        InvalidArgument: the configuration cannot be used.
    """
    provider = _load_configuration(where).provider
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


def _load_configuration(where: str) -> Configuration:
    try:
        source = _open_secret(where.removeprefix(_SECRET)) if where.startswith(_SECRET) else FileSource(Path(where))
        text = source.read(fresh=True)
    except SettingsError as error:
        raise InvalidArgument(str(error)) from None
    try:
        return config.load(text)
    except SettingsError as error:
        raise InvalidArgument(f"{where}: {error}") from None


def _open_secret(name: str) -> SecretSource:
    # Imported late: botocore is slow to load, and a file does not need it.
    from botocore.exceptions import BotoCoreError, NoRegionError

    try:
        return SecretSource(name)
    except NoRegionError:
        raise InvalidArgument("no region is configured: set AWS_DEFAULT_REGION") from None
    except BotoCoreError as error:
        raise InvalidArgument(f"{error} (AWS_DEFAULT_REGION, AWS_PROFILE)") from None


def _format_answer(response: Any, stats: LookupStats, requester: str, configured: Configuration, calendar: Calendar) -> Iterator[str]:
    style = Style.of(sys.stdout)
    moments = [moment.astimezone(calendar.zone) for moment in (calendar.window.start_date, calendar.window.end_date)]
    start, end = (f"{moment:%a} {moment.day} {moment:%b %Y %H:%M}" for moment in moments)
    asked = ", ".join(f"{name} {count}" for name, count in stats.mailboxes.items())
    yield f"{style.bold('Free/busy')}   {start} - {end}  ({calendar.zone.key})"
    yield f"Asked by    {requester}, who sees {_SHOWN[configured.provider.privacy.show(requester)]}"
    yield f"Asked of    {asked or 'no backend'}\n"
    width = min(max(shutil.get_terminal_size().columns, _MIN_WIDTH), _MAX_WIDTH)
    yield from Timeline(calendar, choose_marks(sys.stdout.encoding), style, width).draw(response, stats.failed)
