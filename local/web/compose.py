"""The send page: a form that sends a written message, a sample or a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from local.errors import LocalError
from local.mail.event_builder import EnvelopeOverrides, envelope_for, with_crlf
from local.web.guard import MAX_UPLOAD
from local.web.rules import parse_direction, split_addresses
from local.web.templating import Site
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES

PATH = "/send"
_FIELDS = ("direction", "kind", "mail_from", "recipients", "subject", "text", "sample")


class _InvalidField(Exception):
    """A field of the form cannot be used; the text says what to change."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True)
class _SendForm:
    """The content of the form."""

    fields: Mapping[str, str]
    file: bytes = field(default=b"", repr=False)

    @property
    def direction(self) -> FlowDirection:
        return parse_direction(self.fields["direction"])


def make_routes(site: Site) -> list[Route]:
    """Return the routes of the page."""
    return [Route(PATH, partial(_show_form, site)), Route(PATH, partial(_submit, site), methods=["POST"])]


def _show_form(site: Site, request: Request) -> Response:
    query = request.query_params
    return _show(site, request, {name: query.get(name, "") for name in _FIELDS})


def _show(site: Site, request: Request, fields: Mapping[str, str], problem: _InvalidField | None = None) -> Response:
    samples = {name: len(raw) for name, raw in site.actions.list_samples().items()}
    kind = fields["kind"] if fields["kind"] in {"write", "sample", "file"} else "write"
    context: dict[str, Any] = {
        "form": fields,
        "kind": kind,
        "direction": parse_direction(fields["direction"]),
        "samples": samples,
        "user": site.actions.get_addresses().user,
        "problem": (problem.name, str(problem)) if problem else None,
    }
    return site.render(request, "send.html", context, 422 if problem else 200)


async def _submit(site: Site, request: Request) -> Response:
    async with request.form(max_files=1, max_fields=20, max_part_size=MAX_UPLOAD) as data:
        form = await _read(data)
    return await run_in_threadpool(_send, site, request, form)


async def _read(data: FormData) -> _SendForm:
    fields = {name: value.strip() if isinstance(value := data.get(name), str) else "" for name in _FIELDS}
    file = data.get("file")
    return _SendForm(fields, await file.read(MAX_MESSAGE_BYTES + 1) if isinstance(file, UploadFile) else b"")


def _send(site: Site, request: Request, form: _SendForm) -> Response:
    try:
        raw = _message(site, form)
        mail_from, recipients = _envelope(site, form, raw)
        number = site.actions.send(form.direction, mail_from, recipients, raw)
    except _InvalidField as problem:
        return _show(site, request, form.fields, problem)
    except LocalError as error:
        return _show(site, request, form.fields, _InvalidField("recipients", str(error)))
    return RedirectResponse(f"/messages/{number}", 303)


def _message(site: Site, form: _SendForm) -> bytes:
    kind = form.fields["kind"]
    if kind == "sample":
        raw = site.actions.list_samples().get(form.fields["sample"])
        if raw is None:
            raise _InvalidField("sample", "Sample: there is no sample of this name.")
        return with_crlf(raw)
    if kind == "file":
        if not form.file:
            raise _InvalidField("file", "File: choose a message (.eml) that is not empty.")
        if len(form.file) > MAX_MESSAGE_BYTES:
            limit = MAX_MESSAGE_BYTES // 1024 // 1024
            raise _InvalidField("file", f"File: the message is too large. WorkMail accepts {limit} MB.")
        return with_crlf(form.file)
    return _written_message(form.fields)


def _written_message(fields: Mapping[str, str]) -> bytes:
    author, recipients = fields["mail_from"], split_addresses(fields["recipients"])
    if not author:
        raise _InvalidField("mail_from", "From: give an address, such as clara@example.org.")
    if not recipients:
        raise _InvalidField("recipients", "To: give at least one address.")
    message = EmailMessage(SMTP if (author + fields["recipients"]).isascii() else SMTPUTF8)
    try:
        message["From"], message["To"] = author, ", ".join(recipients)
        message["Subject"] = " ".join(fields["subject"].split())
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain="local.example.com")
        message.set_content(fields["text"].replace("\r\n", "\n") + "\n")
        return message.as_bytes()
    except (ValueError, UnicodeError, IndexError, AttributeError):  # all raised by Python's address parser
        raise _InvalidField("mail_from", "From, To: a header cannot be written with these addresses.") from None


def _envelope(site: Site, form: _SendForm, raw: bytes) -> tuple[str, list[str]]:
    """Return sender and recipients: from the form, and from the header when a field is empty."""
    mail_from, recipients = form.fields["mail_from"], split_addresses(form.fields["recipients"])
    if mail_from and recipients:
        return ("" if mail_from == "<>" else mail_from), recipients
    envelope = envelope_for(raw, EnvelopeOverrides(form.direction, mail_from or None, recipients), site.actions.get_addresses().domains)
    return ("" if mail_from == "<>" else envelope.author), list(envelope.recipients)
