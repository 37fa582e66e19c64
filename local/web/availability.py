"""A form that asks the availability function as WorkMail would, and its answer as a picture, as a list and as JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.free_busy.question import Question
from local.free_busy.svg import MAX_DAYS, Picture
from local.web.actions import Answer
from local.web.rules import addresses_in
from local.web.templating import Site
from mailhooks.availability import timezones
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest, Window, check_availability_response

_FIELDS: Final = ("mailboxes", "requester", "begin", "end", "zone")
_ZONES: Final = (
    "UTC Europe/London Europe/Berlin Europe/Helsinki America/New_York America/Chicago America/Denver America/Los_Angeles "
    "America/Sao_Paulo Asia/Kolkata Asia/Singapore Asia/Tokyo Australia/Sydney"
).split()


class _NotAsked(Exception):
    """What is to be put right, and in which field."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that can be meant."""

    request: dict[str, Any]
    picture: Picture


def routes(site: Site) -> list[Route]:
    """The page."""
    return [Route("/availability", partial(_form, site)), Route("/availability", partial(_ask, site), methods=["POST"])]


def _form(site: Site, request: Request) -> Response:
    addresses = site.actions.addresses()
    today = datetime.now().astimezone().date()
    first = {
        "mailboxes": ", ".join(addresses.calendars) or addresses.user,
        "requester": addresses.user,
        "begin": f"{today}T00:00",
        "end": f"{today + timedelta(days=1)}T00:00",
        "zone": _own_zone(),
    }
    return site.page(request, "availability.html", _context({name: request.query_params.get(name, first[name]) for name in _FIELDS}))


def _own_zone() -> str:
    from tzlocal import get_localzone_name

    try:
        return get_localzone_name() or "UTC"
    except LookupError:
        return "UTC"


async def _ask(site: Site, request: Request) -> Response:
    # Asked by POST, although nothing is changed: it runs a function, which another site's page shall not make it do.
    async with request.form(max_fields=20) as form:
        given = {name: value.strip() if isinstance(value := form.get(name), str) else "" for name in _FIELDS}
    return await run_in_threadpool(_answered, site, request, given)


def _answered(site: Site, request: Request, given: dict[str, str]) -> Response:
    try:
        asked = _question(given)
    except _NotAsked as problem:
        return site.page(request, "availability.html", _context(given, problem=(problem.name, str(problem))), 422)
    answer = site.actions.ask_availability(asked.request)
    return site.page(request, "availability.html", _context(given) | _result(asked, answer))


def _context(given: dict[str, str], problem: tuple[str, str] | None = None) -> dict[str, Any]:
    return {"form": given, "problem": problem, "answer": None, "zones": _ZONES}


def _result(asked: _Asked, answer: Answer) -> dict[str, Any]:
    mailboxes, broken = [], ""
    if answer.response is not None:
        try:
            check_availability_response(answer.response)
            mailboxes = asked.picture.mailboxes(answer.response)
        except ContractError as error:
            broken = f"WorkMail would not understand the response: {error}"
    return {
        "answer": answer,
        "error": answer.error or broken,
        "mailboxes": mailboxes,
        "zone_shown": asked.picture.zone.key,
        "cut": MAX_DAYS if len(asked.picture.days()) == MAX_DAYS else 0,
        "request_json": json.dumps(asked.request, indent=2, ensure_ascii=False),
        "response_json": json.dumps(answer.response, indent=2, ensure_ascii=False) if answer.response is not None else "",
    }


def _question(given: dict[str, str]) -> _Asked:
    mailboxes = addresses_in(given["mailboxes"])
    if not mailboxes:
        raise _NotAsked("mailboxes", "At least one mailbox is needed.")
    if not given["requester"]:
        raise _NotAsked("requester", "Somebody has to ask: what is seen depends on it.")
    zone = timezones.zone(given["zone"]) if given["zone"] else ZoneInfo("UTC")
    if zone is None:
        raise _NotAsked("zone", "A time zone has a name such as Europe/Berlin.")
    begin = _moment("begin", given["begin"], zone)
    end = _moment("end", given["end"], zone) if given["end"] else datetime.combine(begin.date() + timedelta(days=1), time(), zone)
    try:
        window = Window(begin.astimezone(UTC), end.astimezone(UTC))
        request = Question(mailboxes, given["requester"]).request(window)
        AvailabilityRequest.parse(request)
    except (ContractError, OverflowError):
        raise _NotAsked("end", "The end is a time after the beginning.") from None
    return _Asked(request, Picture(window, zone))


def _moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _NotAsked(name, "A time is written as 2026-05-04T08:30.") from None
    if not 1970 <= found.year <= 2200:
        raise _NotAsked(name, "A time of our days is needed.")
    return found if found.tzinfo else found.replace(tzinfo=zone)
