"""The actions on one message, as forms of its page and as JSON: send again, retry now, decide on a hold, release to an SMTP server."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mail_gateway.errors import CommandError
from workmail_local.errors import InvalidField, UnknownMessage
from workmail_local.mail.documents import to_document
from workmail_local.queue.release import AlreadyReleased
from workmail_local.web.content import load_trace
from workmail_local.web.forms import parse_count, read_texts, split_addresses
from workmail_local.web.json_bodies import read_addresses, read_json, read_text, write_json
from workmail_local.web.messages import ACTION_FIELDS, show_trace_with
from workmail_local.web.send import send_message
from workmail_local.web.statuses import find_status, raise_as_status
from workmail_local.web.templating import Site

# The forms.


async def send_again(site: Site, request: Request) -> Response:
    """Send the message again, perhaps with another envelope, and open the new trace."""

    def act(number: int, form: Mapping[str, str]) -> int:
        if not form["change"]:
            return site.actions.send_again(number)
        recipients = split_addresses(form["again_to"])
        if not recipients:
            raise InvalidField("again_to", "To: give at least one address.")
        return site.actions.send_again(number, "" if form["again_from"] == "<>" else form["again_from"], recipients)

    return await _submit(site, request, "again_to", act)


async def retry(site: Site, request: Request) -> Response:
    """Start the next attempt now."""

    def act(number: int, _form: Mapping[str, str]) -> int:
        site.actions.retry_now(number)
        return number

    return await _submit(site, request, "live", act)


async def release(site: Site, request: Request) -> Response:
    """Send the message to the real SMTP server of the configuration."""

    def act(number: int, form: Mapping[str, str]) -> int:
        site.actions.release(number, split_addresses(form["release_to"]), parse_count(form["run"], 1), parse_count(form["known"], 0))
        return number

    return await _submit(site, request, "release_to", act)


async def decide(site: Site, request: Request) -> Response:
    """Decide on a held message in the name of an approver."""

    def act(number: int, form: Mapping[str, str]) -> int:
        site.actions.decide(number, form["decision"], form["hold"], form["reason"])
        return number

    return await _submit(site, request, "live", act)


async def _submit(site: Site, request: Request, field: str, act: Callable[[int, Mapping[str, str]], int]) -> Response:
    """Run the action of a form, and open the message that it returns; after an error show the form again."""
    number = request.path_params["number"]
    async with request.form(max_files=0, max_fields=20) as data:
        form = read_texts(data, ACTION_FIELDS)

    def run() -> Response:
        try:
            return RedirectResponse(f"{site.prefix}/messages/{act(number, form)}", 303)
        except UnknownMessage as error:
            raise HTTPException(404, str(error)) from None
        except InvalidField as error:
            return show_trace_with(site, request, form, (error.field, str(error)), status=422)
        except CommandError as error:
            confirm = {"confirm": isinstance(error, AlreadyReleased)}
            return show_trace_with(site, request, {**form, **confirm}, (field, _as_sentence(str(error))), status=find_status(error))

    return await run_in_threadpool(run)


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


# JSON.


async def send_as_json(site: Site, request: Request) -> Response:
    """Send a message: its bytes as `message/rfc822`, or the fields of the form to send as JSON."""
    fields = dict.fromkeys(("direction", "kind", "mail_from", "subject", "text", "sample"), "")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "message/rfc822":
        query = request.query_params
        file = await request.body()
        fields |= {"kind": "file", "direction": query.get("direction", ""), "mail_from": query.get("mail_from", "")}
        recipients = query.getlist("recipients")
    else:
        document = await read_json(request, [*(name for name in fields if name != "kind"), "recipients"])
        file = b""
        fields |= {name: read_text(document, name) for name in fields if name != "kind"}
        fields["kind"] = "sample" if fields["sample"] else "write"
        recipients = read_addresses(document, "recipients")
    return await _answer(lambda: {"number": send_message(site, fields, recipients, file)}, 201)


async def send_again_as_json(site: Site, request: Request) -> Response:
    """Send the message again, perhaps with another envelope."""
    document = await read_json(request, ("mail_from", "recipients")) if await request.body() else {}
    mail_from = read_text(document, "mail_from") if "mail_from" in document else None
    recipients = read_addresses(document, "recipients")
    number = request.path_params["number"]
    return await _answer(lambda: {"number": site.actions.send_again(number, mail_from, recipients)}, 201)


async def retry_as_json(site: Site, request: Request) -> Response:
    """Start the next attempt now."""
    return await _answer(lambda: {"started": site.actions.retry_now(request.path_params["number"])})


def list_holds_as_json(site: Site, request: Request) -> Response:
    """Return the holds of a message that is not done."""
    load_trace(site, request)
    return write_json({"holds": to_document(tuple(site.actions.list_holds(request.path_params["number"])))})


async def decide_as_json(site: Site, request: Request) -> Response:
    """Decide on a held message in the name of an approver."""
    document = await read_json(request, ("decision", "hold", "reason"))
    decision, hold, reason = (read_text(document, name) for name in ("decision", "hold", "reason"))

    def act() -> dict[str, Any]:
        site.actions.decide(request.path_params["number"], decision, hold, reason)
        return {}

    return await _answer(act)


async def release_as_json(site: Site, request: Request) -> Response:
    """Send the message to the real SMTP server of the configuration."""
    document = await read_json(request, ("recipients", "run", "known"))
    recipients = read_addresses(document, "recipients")
    run_number, known = (_read_count(document, name, default) for name, default in (("run", 1), ("known", 0)))
    return await _answer(lambda: to_document(site.actions.release(request.path_params["number"], recipients, run_number, known)))


def list_releases_as_json(site: Site, request: Request) -> Response:
    """Return the releases of a message."""
    return write_json({"releases": to_document(tuple(site.actions.list_releases(load_trace(site, request))))})


def list_samples_as_json(site: Site, _request: Request) -> Response:
    """Return the sample messages."""
    return write_json({"samples": [{"name": name, "size": len(raw)} for name, raw in site.actions.list_samples().items()]})


def _read_count(document: Mapping[str, Any], name: str, default: int) -> int:
    value = document.get(name, default)
    if type(value) is not int:
        raise HTTPException(400, f"{name} must be a whole number")
    return value


async def _answer(act: Callable[[], Any], status: int = 200) -> Response:
    """Run an action, and return its result or its error."""
    with raise_as_status():
        return write_json(await run_in_threadpool(act), status)
