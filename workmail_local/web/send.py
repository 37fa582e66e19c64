"""The send page: a form that sends a written message, a sample or a file."""

from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from workmail_local.errors import InvalidField, LocalError
from workmail_local.mail.event_builder import EnvelopeOverrides, envelope_for, with_crlf
from workmail_local.web.forms import parse_direction, read_texts, split_addresses
from workmail_local.web.guard import MAX_UPLOAD
from workmail_local.web.templating import Site

_FIELDS = ("direction", "kind", "mail_from", "recipients", "subject", "text", "sample")
_KINDS = {"write": "Write a message", "sample": "Sample", "file": "File"}


def show_form(site: Site, request: Request) -> Response:
    """Show the form, filled from the query."""
    return _show(site, request, {name: request.query_params.get(name, "") for name in _FIELDS})


def _show(site: Site, request: Request, fields: Mapping[str, str], *problem: tuple[str, str]) -> Response:
    context = {
        "form": fields,
        "kinds": _KINDS,
        "kind": fields["kind"] if fields["kind"] in _KINDS else "write",
        "direction": parse_direction(fields["direction"]),
        "samples": site.actions.list_samples(),
        "user": site.actions.get_addresses().user,
        "problems": problem,
    }
    return site.render(request, "send.html", context, 422 if problem else 200)


async def submit(site: Site, request: Request) -> Response:
    """Send the message of the form, and open its trace."""
    async with request.form(max_files=1, max_fields=20, max_part_size=MAX_UPLOAD) as data:
        upload = data.get("file")
        file = await upload.read(MAX_MESSAGE_BYTES + 1) if isinstance(upload, UploadFile) else b""
        fields = read_texts(data, _FIELDS)
    return await run_in_threadpool(_send, site, request, fields, file)


def _send(site: Site, request: Request, fields: Mapping[str, str], file: bytes) -> Response:
    try:
        number = send_message(site, fields, split_addresses(fields["recipients"]), file)
    except InvalidField as error:
        return _show(site, request, fields, (error.field, str(error)))
    except LocalError as error:
        return _show(site, request, fields, ("recipients", str(error)))
    return RedirectResponse(f"{site.prefix}/messages/{number}", 303)


def send_message(site: Site, fields: Mapping[str, str], recipients: Sequence[str], file: bytes) -> int:
    """Send a message and return its number.

    Args:
        fields: those of the form.
        recipients: the envelope; empty for those of the message's header, as the field `mail_from`.
        file: the message for the kind `file`.

    Raises:
        InvalidField: a field is invalid.
        LocalError: the SMTP server would reject the message.
    """
    raw = _load_message(site, fields, recipients, file)
    overrides = EnvelopeOverrides(parse_direction(fields["direction"]), fields["mail_from"] or None, recipients)
    envelope = envelope_for(raw, overrides, site.actions.get_addresses().domains)
    mail_from = "" if envelope.author == "<>" else envelope.author
    return site.actions.send(envelope.direction, mail_from, envelope.recipients, raw)


def _load_message(site: Site, fields: Mapping[str, str], recipients: Sequence[str], file: bytes) -> bytes:
    if fields["kind"] == "sample":
        raw = site.actions.list_samples().get(fields["sample"])
        if raw is None:
            raise InvalidField("sample", "Sample: there is no sample of this name.")
        return with_crlf(raw)
    if fields["kind"] == "file":
        if not file:
            raise InvalidField("file", "File: choose a message (.eml) that is not empty.")
        if len(file) > MAX_MESSAGE_BYTES:
            raise InvalidField("file", f"File: the message is too large. WorkMail accepts {MAX_MESSAGE_BYTES // 1024 // 1024} MB.")
        return with_crlf(file)
    return _write_message(fields, recipients)


def _write_message(fields: Mapping[str, str], recipients: Sequence[str]) -> bytes:
    author = fields["mail_from"]
    if not author:
        raise InvalidField("mail_from", "From: give an address, such as clara@example.org.")
    if not recipients:
        raise InvalidField("recipients", "To: give at least one address.")
    message = EmailMessage(SMTP if "".join((author, *recipients)).isascii() else SMTPUTF8)
    try:
        message["From"], message["To"] = author, ", ".join(recipients)
        message["Subject"] = " ".join(fields["subject"].split())
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain="local.example.com")
        message.set_content(fields["text"].replace("\r\n", "\n") + "\n")
        return message.as_bytes()
    except (ValueError, IndexError, AttributeError, RecursionError):  # all raised by Python's address parser
        raise InvalidField("mail_from", "From, To: a header cannot be written with these addresses.") from None
