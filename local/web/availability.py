"""The availability page: a form that calls the availability function, and its answer as a picture, as a list and as JSON."""

import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.free_busy.model import Calendar
from local.free_busy.question import InvalidQuestion, Question
from local.free_busy.svg import MAX_DAYS, MAX_EVENTS, draw_rows
from local.web.actions import AvailabilityAnswer
from local.web.rules import split_addresses
from local.web.templating import Site
from mailhooks.contract import ContractError
from mailhooks.contract.availability import check_availability_response

_LABELS: Final = {"mailboxes": "Mailboxes", "requester": "Requester", "begin": "Begin", "end": "End", "zone": "Time zone"}
_ZONES: Final = (
    "UTC Europe/London Europe/Berlin Europe/Helsinki America/New_York America/Chicago America/Denver America/Los_Angeles "
    "America/Sao_Paulo Asia/Kolkata Asia/Singapore Asia/Tokyo Australia/Sydney"
).split()


def make_routes(site: Site) -> list[Route]:
    """Return the routes of the page."""
    return [
        Route("/availability", partial(_show_form, site)),
        # Calling the function changes nothing, but POST keeps another site's page from starting it.
        Route("/availability", partial(_submit, site), methods=["POST"]),
    ]


def _show_form(site: Site, request: Request) -> Response:
    addresses = site.actions.get_addresses()
    today = datetime.now().astimezone().date()
    form = {
        "mailboxes": ", ".join(addresses.calendars) or addresses.user,
        "requester": addresses.user,
        "begin": f"{today}T00:00",
        "end": f"{today + timedelta(days=1)}T00:00",
        "zone": "",
    }
    return _show(site, request, {name: request.query_params.get(name, default) for name, default in form.items()})


async def _submit(site: Site, request: Request) -> Response:
    async with request.form(max_fields=20) as fields:
        form = {name: value.strip() if isinstance(value := fields.get(name), str) else "" for name in _LABELS}
    return await run_in_threadpool(_answer, site, request, form)


def _answer(site: Site, request: Request, form: dict[str, str]) -> Response:
    try:
        question, calendar = Question(
            split_addresses(form["mailboxes"]), form["requester"], form["begin"], form["end"], form["zone"]
        ).check()
    except InvalidQuestion as error:
        problem = (error.field, f"{_LABELS[error.field]}: {error}.")
        return _show(site, request, form, {"problem": problem}, 422)
    answer = site.actions.ask_availability(question)
    return _show(site, request, form, _result(question, answer, calendar))


def _show(site: Site, request: Request, form: dict[str, str], more: dict[str, Any] | None = None, status: int = 200) -> Response:
    context = {"form": form, "problem": None, "answer": None, "zones": _ZONES, "max_events": MAX_EVENTS} | (more or {})
    return site.render(request, "availability.html", context, status)


def _result(question: dict[str, Any], answer: AvailabilityAnswer, calendar: Calendar) -> dict[str, Any]:
    mailboxes, error = [], answer.error
    days = calendar.list_days(MAX_DAYS + 1)
    if answer.response is not None:
        try:
            check_availability_response(answer.response)
            mailboxes = [(mailbox, list(draw_rows(mailbox, days[:MAX_DAYS]))) for mailbox in calendar.read_mailboxes(answer.response)]
        except ContractError as problem:
            error = error or f"WorkMail would not accept the response: {problem}"
    return {
        "answer": answer,
        "error": error,
        "mailboxes": mailboxes,
        "zone_shown": calendar.zone.key,
        "days_shown": MAX_DAYS if len(days) > MAX_DAYS else 0,
        "request_json": json.dumps(question, indent=2, ensure_ascii=False),
        "response_json": json.dumps(answer.response, indent=2, ensure_ascii=False) if answer.response is not None else "",
    }
