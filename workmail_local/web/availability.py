"""The availability page: a form that calls the availability function, and its answer as a picture, as a list and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mailhooks.contract import ContractError, check_availability_request
from mailhooks.contract.availability import check_availability_response, map_unknown_errors
from workmail_local.errors import InvalidField
from workmail_local.free_busy.model import Day, Mailbox, Span
from workmail_local.free_busy.question import Question
from workmail_local.runtime.invocation import Invocation
from workmail_local.web.forms import read_texts, split_addresses
from workmail_local.web.json_bodies import read_document, write_json
from workmail_local.web.templating import Site

MAX_EVENTS: Final = 300
"""Events of a mailbox that are shown."""

_MAX_DAYS: Final = 31
_LABELS: Final = {"mailboxes": "Mailboxes", "requester": "Requester", "begin": "Begin", "end": "End", "zone": "Time zone"}
_ZONES: Final = (
    "UTC Europe/London Europe/Berlin Europe/Helsinki America/New_York America/Chicago America/Denver America/Los_Angeles "
    "America/Sao_Paulo Asia/Kolkata Asia/Singapore Asia/Tokyo Australia/Sydney"
).split()


def show_form(site: Site, request: Request) -> Response:
    """Show the form, for today and tomorrow unless the query has other values."""
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


async def submit(site: Site, request: Request) -> Response:
    """Call the availability function, and show its answer below the form."""
    async with request.form(max_fields=20) as data:
        form = read_texts(data, _LABELS)
    return await run_in_threadpool(_show_answer, site, request, form)


async def answer_as_json(site: Site, request: Request) -> Response:
    """Call the availability function with the request in the body, and return its response."""
    question = await read_document(request)
    try:
        check_availability_request(question)
    except ContractError as error:
        raise HTTPException(400, str(error)) from None
    answer = await run_in_threadpool(_ask, site, question)
    headers = {"server-timing": f"function;dur={answer.milliseconds:.1f}"}
    if answer.error:
        return write_json({"error": answer.error, "log": answer.log}, 502, headers)
    return write_json(answer.response, headers=headers)


def _ask(site: Site, question: Mapping[str, Any]) -> Invocation:
    """Call the availability function. Read unknown error names as WorkMail does, and reject a response that it would not accept."""
    answer = site.actions.ask_availability(question)
    try:
        if not answer.error:
            answer = replace(answer, response=map_unknown_errors(answer.response))
            check_availability_response(answer.response)
    except ContractError as error:
        return replace(answer, response=None, error=f"WorkMail would not accept the response: {error}")
    return answer


def _show_answer(site: Site, request: Request, form: dict[str, str]) -> Response:
    try:
        mailboxes = split_addresses(form["mailboxes"])
        question, calendar = Question(mailboxes, form["requester"], form["begin"], form["end"], form["zone"]).check()
    except InvalidField as error:
        return _show(site, request, form, {"problems": [(error.field, f"{_LABELS[error.field]}: {error}.")]}, 422)
    answer = _ask(site, question)
    answers = [] if answer.error else calendar.read_mailboxes(answer.response)
    days = calendar.list_days(_MAX_DAYS + 1)
    context = {
        "answer": answer,
        "mailboxes": [(mailbox, list(draw_rows(mailbox, days[:_MAX_DAYS]))) for mailbox in answers],
        "zone_shown": calendar.zone.key,
        "days_shown": _MAX_DAYS if len(days) > _MAX_DAYS else 0,
        "request_json": json.dumps(question, indent=2, ensure_ascii=False),
        "response_json": "" if answer.error else json.dumps(answer.response, indent=2, ensure_ascii=False),
    }
    return _show(site, request, form, context)


def _show(site: Site, request: Request, form: Mapping[str, str], more: Mapping[str, Any] | None = None, status: int = 200) -> Response:
    context = {"form": form, "problems": (), "answer": None, "zones": _ZONES, "max_events": MAX_EVENTS, **(more or {})}
    return site.render(request, "availability.html", context, status)


def draw_rows(mailbox: Mailbox, days: Sequence[Day]) -> Iterator[tuple[str, Sequence[Span], str]]:
    """Yield a row for each day: its label, its spans, and the events in words, for screen readers. A mailbox with an error has none."""
    for day in () if mailbox.error else days:
        spans = day.find_spans(mailbox.events[:MAX_EVENTS], mailbox.hours)
        events = sorted((span.start, span.end, span.kind) for span in spans if span.kind not in {"working", "outside"})
        texts = [f"{kind} {_format_clock(start)} to {_format_clock(end)}" for start, end, kind in events]
        yield f"{day.midnight:%a} {day.midnight.day} {day.midnight:%b}", spans, "; ".join(texts) or "no event"


def _format_clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
