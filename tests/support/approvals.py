"""The approve function with its table, its secret and messages in transit, and requests as a function URL passes them on."""

import base64
import itertools
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from mailhooks.aws import hold_table
from mailhooks.aws.hold_table import HoldKey, HoldRecord, HoldTable
from mailhooks.core.holds.approval_links import PARAMETER, make_link
from mailhooks.deadline import Deadline
from mailhooks.hooks.functions.approve import approve_handler
from mailhooks.settings import Settings
from tests.support.holds import make_holds_table
from workmail_local.workmail import LocalWorkMail

URL: Final = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws/"
SECRET: Final = "kY3vT9wQ2mZ7xB5nR8cL4jH6gF1dS0pA"
NOW: Final = 1_800_000_000
MINUTE: Final = 60
APPROVERS: Final = ("ana@example.com", "ben@example.com")
RAW: Final = (
    b"From: Nora <nora@example.com>\r\nTo: eve@example.net\r\nSubject: Price list\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nHere are our prices.\r\n"
)

_NUMBERS = itertools.count(1)


def make_event(method: str, *, path: str = "/", query: str = "", body: str | None = None, **headers: str) -> dict[str, Any]:
    """Return the event of a function URL (payload format version 2.0). Lambda passes the body of a form in base64."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": urlsplit(URL).netloc, "user-agent": "test", **named},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghijklmnopqrstuvwxyz012345",
            "domainName": urlsplit(URL).netloc,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "00000000-0000-4000-8000-000000000001",
            "stage": "$default",
            "timeEpoch": NOW * 1000,
        },
        **({} if body is None else {"body": base64.b64encode(body.encode()).decode()}),
        "isBase64Encoded": body is not None,
    }


class Approvals:
    """The approve function on local servers, with a clock that the test sets.

    Attributes:
        settings: of the function.
        now: seconds since 1970.
    """

    def __init__(self, wm: LocalWorkMail, *, log_addresses: bool = False) -> None:
        number = next(_NUMBERS)
        self.workmail = wm
        self.now = float(NOW)
        self.name = make_holds_table(wm)
        self._dynamodb = wm.client("dynamodb")
        wm.client("secretsmanager").create_secret(Name=f"approvals-{number}", SecretString=SECRET)
        self.settings = Settings(
            service=f"approvals-{number}",
            holds_table=self.name,
            approval_secret=f"approvals-{number}",
            log_addresses=log_addresses,
        )
        self.table = HoldTable(self.name)
        self.handler = approve_handler(settings=self.settings, clock=lambda: self.now)

    def add(self, raw: bytes | None = RAW, **fields: Any) -> HoldRecord:
        """Add a pending record of a message in transit, which times out in 100 minutes.

        Args:
            raw: None for a message that WorkMail no longer has.
            fields: of the record, in place of the usual ones.
        """
        message_id = self.workmail.store.add(raw, direction="OUTBOUND") if raw is not None else "00000000-0000-4000-8000-000000000000"
        record = HoldRecord(
            **{
                "key": HoldKey.of(f"{next(_NUMBERS):032x}", "OUTBOUND", "Price lists"),
                "rule": "Price lists",
                "message_id": message_id,
                "direction": "OUTBOUND",
                "mail_from": "nora@example.com",
                "recipients": ("eve@example.net",),
                "approvers": APPROVERS,
                "created_at": NOW,
                "timeout_at": NOW + 100 * MINUTE,
                "on_timeout": "bounce",
                **fields,
            }
        )
        assert self.table.create(record, Deadline.after(20)) is None
        return record

    def read(self, record: HoldRecord) -> HoldRecord:
        """Return a record as the table has it."""
        found = self.table.read(record.key, Deadline.after(20))
        assert found is not None
        return found

    def items(self) -> list[dict[str, Any]]:
        """Return the whole table."""
        found: list[dict[str, Any]] = self._dynamodb.scan(TableName=self.name)["Items"]
        return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def make_token(self, record: HoldRecord, approver: int = 0, *, secret: str = SECRET, expires_at: int | None = None) -> str:
        """Return the token of a link."""
        link = make_link(URL, secret, record.key, approver, record.timeout_at if expires_at is None else expires_at)
        return urlsplit(link).query.partition("=")[2]

    def get(self, token: str, method: str = "GET") -> dict[str, Any]:
        return self.handler(make_event(method, query=urlencode({PARAMETER: token})), None)

    def post(self, token: str, decision: str = "approve", **fields: str) -> dict[str, Any]:
        form = {PARAMETER: token, "reason": "", "decision": decision, **fields}
        event = make_event("POST", body=urlencode(form), content_type="application/x-www-form-urlencoded")
        return self.handler(event, None)


def put_record(workmail: LocalWorkMail, table: str, record: HoldRecord) -> None:
    """Put a record into a table, in place of an earlier one with its key."""
    item = hold_table._to_key(record.key) | hold_table._to_values(record)
    workmail.client("dynamodb").put_item(TableName=table, Item=item)
