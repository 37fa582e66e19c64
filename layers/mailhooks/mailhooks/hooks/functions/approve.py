"""The Lambda function URL of the approval page: GET shows a held message, POST decides on it.

Only a POST with a valid link changes anything: mail programs and their link scanners request each link of a mail (RFC 9110 section 9.2.1).
The signature is checked before any read. The page needs neither a cookie nor a session: the link alone gives the right to decide, so that a
form on another site does no more than a person with the link.
"""

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

from mailhooks.aws.client import call
from mailhooks.aws.hold_table import AT_TIMEOUT, HoldKey, HoldRecord, HoldTable
from mailhooks.aws.message_flow import MessageFlow
from mailhooks.aws.secrets import SecretReader
from mailhooks.core.holds.approval_links import PARAMETER, ForgedLink, Link, read_link
from mailhooks.deadline import Deadline
from mailhooks.errors import Misconfigured, SettingsError, TransientError
from mailhooks.hooks.approval_page import HEADERS, REASON_CHARACTERS, Page, describe_state, make_decided, make_form, make_notice
from mailhooks.hooks.approval_report import Reporter, RequestRecord
from mailhooks.hooks.message_preview import MessagePreview, make_displayable_line, read_preview
from mailhooks.report_names import HoldState
from mailhooks.settings import Settings, env

_MAX_FORM: Final = 16 * 1024
"""Characters of a form, in base64: a reason of 500 characters has up to 6 KB."""

_MAX_QUERY: Final = 2048

_FORM_TYPE: Final = "application/x-www-form-urlencoded"

_BUDGET_S: Final = 12.0
_MARGIN_S: Final = 1.0

_DECISIONS: Final = {"approve": HoldState.APPROVED, "reject": HoldState.REJECTED}

_USE_THE_LINK: Final = "Open the link of the mail or notification again, and take care that it is complete."
_LATER: Final = "Try again in some minutes. Nothing was decided."

Handler = Callable[[Any, Any], dict[str, Any]]


class _Refusal(Exception):
    """Ends a request with a page."""

    def __init__(self, page: Page, **headers: str) -> None:
        super().__init__(page.status)
        self.page = page
        self.headers = headers


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to a function URL (Lambda guide, "Invoking Lambda function URLs", payload format version 2.0)."""

    method: str
    path: str
    query: str
    content_type: str
    body: str
    is_base64: bool

    @classmethod
    def parse(cls, event: Any) -> "_Request":
        """Raises:
        _Refusal: the event is not that of a function URL.
        """
        try:
            http = event["requestContext"]["http"]
            headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
            target = event.get("rawPath") or "/", event.get("rawQueryString") or ""
            texts: tuple[Any, ...] = (http["method"], *target, headers.get("content-type", ""))
            body = event.get("body") or ""
        except (KeyError, TypeError, AttributeError):
            texts, body = (), ""
        if not texts or not all(isinstance(text, str) for text in (*texts, body)):
            raise _Refusal(make_notice(400, "This request cannot be read", _USE_THE_LINK))
        method, path, query, content_type = texts
        return cls(method, path, query, content_type, body, bool(event.get("isBase64Encoded")))

    def read_query(self) -> dict[str, list[str]]:
        if len(self.query) > _MAX_QUERY:
            raise _Refusal(make_notice(414, "This link is too long", _USE_THE_LINK))
        return _parse_fields(self.query)

    def read_form(self) -> dict[str, list[str]]:
        if len(self.body) > _MAX_FORM:
            raise _Refusal(make_notice(413, "This form is too large", f"A reason has at most {REASON_CHARACTERS} characters."))
        if self.content_type.partition(";")[0].strip().lower() != _FORM_TYPE:
            raise _Refusal(make_notice(415, "This is not the form of the page", _USE_THE_LINK))
        try:
            text = base64.b64decode(self.body, validate=True).decode("utf-8", "replace") if self.is_base64 else self.body
        except (binascii.Error, ValueError):
            raise _Refusal(make_notice(400, "This form cannot be read", _USE_THE_LINK)) from None
        return _parse_fields(text)


def _parse_fields(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=20)
    except ValueError:
        raise _Refusal(make_notice(400, "This request has too many fields", _USE_THE_LINK)) from None


def _get_only(fields: Mapping[str, list[str]], name: str) -> str:
    """Return the value of a field; "" if it is missing or repeated."""
    values = fields.get(name, [])
    return values[0] if len(values) == 1 else ""


class MessageReader(Protocol):
    """Reads held messages."""

    def get(self, message_id: str, deadline: Deadline, /) -> bytes:
        """Return the octets of a message. Its errors are logged: the page is shown without the content."""
        ...


def approve_handler(
    *, settings: Settings | None = None, clock: Callable[[], float] = time.time, messages: MessageReader | None = None
) -> Handler:
    """Return the Lambda handler of the approval page's function URL.

    Args:
        settings: None: the environment's. HOLDS_TABLE and APPROVAL_SECRET are required.
        clock: seconds since 1970.
        messages: None: the messages in transit in WorkMail.
    """
    return _Handler(settings or env(), clock, messages)


class _Handler:
    def __init__(self, settings: Settings, clock: Callable[[], float], messages: MessageReader | None) -> None:
        self._settings = settings
        self._clock = clock
        self._given_messages = messages
        self._reporter = Reporter(settings)

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        request = RequestRecord()
        headers: dict[str, str] = {}
        try:
            page = self._respond(event, _make_deadline(context), request)
        except _Refusal as refusal:
            page, headers = refusal.page, refusal.headers
        except TransientError as error:
            request.error, headers = error, {"retry-after": "60"}
            page = make_notice(503, "The page is not available now", _LATER)
        except Exception as error:  # noqa: BLE001 - Lambda would log the error's text, which may quote a message
            request.error = error
            page = make_notice(500, "The page does not work", "The administrator finds the reason in the log. Nothing was decided.")
        request.status = page.status
        self._reporter.report(request)
        # A response to HEAD has the header fields of GET and no body (RFC 9110 section 9.3.2).
        body = "" if request.method == "HEAD" else page.html
        return {"statusCode": page.status, "headers": {**HEADERS, **headers}, "body": body, "isBase64Encoded": False}

    @cached_property
    def _table(self) -> HoldTable:
        if not self._settings.holds_table:
            raise SettingsError("HOLDS_TABLE: set it to the table of held messages")
        return HoldTable(self._settings.holds_table)

    @cached_property
    def _secrets(self) -> SecretReader:
        return SecretReader()

    @cached_property
    def _messages(self) -> MessageReader:
        return self._given_messages or MessageFlow(client=self._settings.aws_client)

    def _respond(self, event: Any, deadline: Deadline, request: RequestRecord) -> Page:
        parsed = _Request.parse(event)
        request.method = parsed.method if parsed.method in {"GET", "HEAD", "POST"} else "other"
        if parsed.path != "/":
            raise _Refusal(make_notice(404, "There is no such page", _USE_THE_LINK))
        if request.method == "other":
            raise _Refusal(make_notice(405, "This page has only GET, HEAD and POST", _USE_THE_LINK), allow="GET, HEAD, POST")
        fields = parsed.read_form() if request.method == "POST" else parsed.read_query()
        token = _get_only(fields, PARAMETER)
        link = self._read_link(token, deadline, request)
        record = self._read_record(link, deadline, request)
        if request.method == "POST":
            return self._decide(fields, token, record, deadline, request)
        if record.state is not HoldState.PENDING:
            return make_decided(record, own=record.decided_by == request.approver_name)
        preview = None if request.method == "HEAD" else self._read_preview(record, deadline, request)
        return make_form(record, token, preview, self._clock())

    def _read_link(self, token: str, deadline: Deadline, request: RequestRecord) -> Link:
        """Return the link of a token whose signature is valid.

        Raises:
            _Refusal: the token is forged.
        """
        try:
            # A request without a token needs no secret.
            link = read_link(token, self._read_secret(deadline)) if token else None
        except ForgedLink:
            link = None
        if link is None:
            request.link_refused = True
            raise _Refusal(make_notice(403, "This link is not valid", _USE_THE_LINK))
        request.approver = link.approver
        return link

    def _read_secret(self, deadline: Deadline) -> str:
        if not self._settings.approval_secret:
            raise SettingsError("APPROVAL_SECRET: set it to the secret that signs the links")
        text = call("GetSecretValue", lambda: self._secrets.read(self._settings.approval_secret), deadline)
        if text is None:
            raise Misconfigured("APPROVAL_SECRET: the secret has no text")
        return text

    def _read_record(self, link: Link, deadline: Deadline, request: RequestRecord) -> HoldRecord:
        """Return the record of a valid link.

        Raises:
            _Refusal: there is none, or the link has expired.
        """
        record = request.record = self._table.read(HoldKey(*link.hold_key), deadline)
        if record is None:
            request.link_refused = True
            raise _Refusal(make_notice(404, "This message is not known", "Its record was deleted, some days after the decision."))
        if link.approver >= len(record.approvers):
            raise Misconfigured("the link names an approver whom the record does not have: another version of the function made it")
        request.approver_name = record.approvers[link.approver]
        if link.is_expired(self._clock()):
            request.link_refused = True
            passed = (
                f"The time for a decision is over: at the next attempt, the message {AT_TIMEOUT[record.on_timeout]}."
                if record.state is HoldState.PENDING
                else describe_state(record)
            )
            raise _Refusal(make_notice(410, "This link has expired", passed))
        return record

    def _decide(self, fields: Mapping[str, list[str]], token: str, record: HoldRecord, deadline: Deadline, request: RequestRecord) -> Page:
        state = _DECISIONS.get(_get_only(fields, "decision"))
        reason = make_displayable_line(_get_only(fields, "reason"), _MAX_FORM)
        if record.state is HoldState.PENDING and (state is None or len(reason) > REASON_CHARACTERS):
            problem = "Choose Approve or Reject." if state is None else f"The reason has more than {REASON_CHARACTERS} characters."
            preview = self._read_preview(record, deadline, request)
            return make_form(record, token, preview, self._clock(), problem=problem, reason=reason)
        if record.state is HoldState.PENDING and state is not None:
            now, own_name = int(self._clock()), request.approver_name
            kept = reason if state is HoldState.REJECTED else ""
            decided = self._table.decide(record.key, state, reason=kept, decided_by=own_name, now=now, deadline=deadline)
            if decided is None:
                request.link_refused = True
                raise _Refusal(make_notice(404, "This message is not known", "Its record was deleted."))
            request.record = record = decided
            # After a lost response, the AWS client repeats the request and gets this decision as an earlier one.
            if (record.state, record.decided_by, record.decided_at) == (state, own_name, now):
                request.decision = state
                return make_decided(record, own=True)
        return make_decided(record, own=record.decided_by == request.approver_name, status=409)

    def _read_preview(self, record: HoldRecord, deadline: Deadline, request: RequestRecord) -> MessagePreview | None:
        try:
            return read_preview(self._messages.get(record.message_id, deadline))
        except Exception as error:  # noqa: BLE001 - an approver can decide by the envelope
            request.preview_error = error
            return None


def _make_deadline(context: Any) -> Deadline:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return Deadline.after(_BUDGET_S if remaining is None else max(0.0, remaining() / 1000 - _MARGIN_S))
