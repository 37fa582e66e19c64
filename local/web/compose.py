"""A form to send a message with: written here, one of the samples, or a file."""

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
from local.web.rules import addresses_in, direction_in
from local.web.templating import Site
from mailhooks.contract import FlowDirection
from mailhooks.contract.limits import MAX_MESSAGE_BYTES

PATH = "/send"
_FIELDS = ("direction", "kind", "mail_from", "recipients", "subject", "text", "sample")


class _NotSent(Exception):
    """What is to be put right, and in which field."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True)
class _Letter:
    """What somebody typed."""

    given: Mapping[str, str]
    file: bytes = field(default=b"", repr=False)

    @property
    def direction(self) -> FlowDirection:
        return direction_in(self.given["direction"])


def routes(site: Site) -> list[Route]:
    """The form."""
    return [Route(PATH, partial(_form, site)), Route(PATH, partial(_send, site), methods=["POST"])]


def _form(site: Site, request: Request) -> Response:
    query = request.query_params
    return _shown(site, request, {name: query.get(name, "") for name in _FIELDS})


def _shown(site: Site, request: Request, given: Mapping[str, str], problem: _NotSent | None = None) -> Response:
    samples = {name: len(raw) for name, raw in site.actions.samples().items()}
    kind = given["kind"] if given["kind"] in {"write", "sample", "file"} else "write"
    context: dict[str, Any] = {
        "form": given,
        "kind": kind,
        "direction": direction_in(given["direction"]),
        "samples": samples,
        "user": site.actions.addresses().user,
        "problem": (problem.name, str(problem)) if problem else None,
    }
    return site.page(request, "send.html", context, 422 if problem else 200)


async def _send(site: Site, request: Request) -> Response:
    async with request.form(max_files=1, max_fields=20, max_part_size=MAX_UPLOAD) as form:
        letter = await _letter(form)
    return await run_in_threadpool(_sent, site, request, letter)


async def _letter(form: FormData) -> _Letter:
    given = {name: value.strip() if isinstance(value := form.get(name), str) else "" for name in _FIELDS}
    file = form.get("file")
    return _Letter(given, await file.read(MAX_MESSAGE_BYTES + 1) if isinstance(file, UploadFile) else b"")


def _sent(site: Site, request: Request, letter: _Letter) -> Response:
    try:
        raw = _message(site, letter)
        mail_from, recipients = _envelope(site, letter, raw)
        number = site.actions.send(letter.direction, mail_from, recipients, raw)
    except _NotSent as problem:
        return _shown(site, request, letter.given, problem)
    except LocalError as error:
        return _shown(site, request, letter.given, _NotSent("recipients", str(error)))
    return RedirectResponse(f"/messages/{number}", 303)


def _message(site: Site, letter: _Letter) -> bytes:
    kind = letter.given["kind"]
    if kind == "sample":
        raw = site.actions.samples().get(letter.given["sample"])
        if raw is None:
            raise _NotSent("sample", "There is no such sample.")
        return with_crlf(raw)
    if kind == "file":
        if not letter.file:
            raise _NotSent("file", "Choose a file with a message (.eml) that is not empty.")
        if len(letter.file) > MAX_MESSAGE_BYTES:
            raise _NotSent("file", f"The file is larger than {MAX_MESSAGE_BYTES // 1024 // 1024} MB, which WorkMail would not take.")
        return with_crlf(letter.file)
    return _written(letter.given)


def _written(given: Mapping[str, str]) -> bytes:
    author, recipients = given["mail_from"], addresses_in(given["recipients"])
    if not author:
        raise _NotSent("mail_from", "From is needed: an address such as clara@example.org.")
    if not recipients:
        raise _NotSent("recipients", "At least one recipient is needed.")
    message = EmailMessage(SMTP if (author + given["recipients"]).isascii() else SMTPUTF8)
    try:
        message["From"], message["To"] = author, ", ".join(recipients)
        message["Subject"] = " ".join(given["subject"].split())
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain="local.example.com")
        message.set_content(given["text"].replace("\r\n", "\n") + "\n")
        return message.as_bytes()
    except (ValueError, UnicodeError, IndexError, AttributeError):  # the parser of addresses fails in ways of its own
        raise _NotSent("mail_from", "These are no addresses that a message could be written with.") from None


def _envelope(site: Site, letter: _Letter, raw: bytes) -> tuple[str, list[str]]:
    """What is typed, and for the rest what the header says."""
    typed, recipients = letter.given["mail_from"], addresses_in(letter.given["recipients"])
    if typed and recipients:
        return ("" if typed == "<>" else typed), recipients
    envelope = envelope_for(raw, EnvelopeOverrides(letter.direction, typed or None, recipients), site.actions.addresses().domains)
    return ("" if typed == "<>" else envelope.author), list(envelope.recipients)
