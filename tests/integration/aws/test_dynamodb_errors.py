"""The errors and the deadline of the rate counter and of the records of contacts, which share a DynamoDB table."""

from collections.abc import Callable

import pytest

from mailhooks.aws.contact_table import DynamoContacts
from mailhooks.aws.rate_counter import DynamoRates
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, NoTimeLeft, ServiceFailed, Throttled
from tests.support.serving import answering
from workmail_local.workmail import LocalWorkMail


def count(table: str, deadline: Deadline) -> None:
    DynamoRates(table).increment("4:many to ana@example.com", "i1", window_s=60, limit=5, deadline=deadline)


def record_one(table: str, deadline: Deadline) -> None:
    DynamoContacts(table).record([("ana@example.com", "b")], "i1", keep_s=60, deadline=deadline)


def record_two(table: str, deadline: Deadline) -> None:
    DynamoContacts(table).record([("ana@example.com", "b"), ("b", "c")], "i1", keep_s=60, deadline=deadline)


calls = pytest.mark.parametrize("call", [count, record_one, record_two])


@calls
@pytest.mark.parametrize(
    "status, code, expected",
    [
        (400, "ProvisionedThroughputExceededException", Throttled),
        (400, "ThrottlingException", Throttled),
        (500, "InternalServerError", ServiceFailed),
        (400, "AccessDeniedException", Misconfigured),
        (400, "ResourceNotFoundException", Misconfigured),
    ],
)
def test_an_error_of_dynamodb_is_mapped_and_names_no_address(
    call: Callable[[str, Deadline], None],
    status: int,
    code: str,
    expected: type[MailhooksError],
    wm: LocalWorkMail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(status, code) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        with pytest.raises(expected) as caught:
            call(wm.rates_table, Deadline.after(20))
    assert "ana" not in str(caught.value)
    assert code in str(caught.value)


@calls
def test_no_call_outlasts_the_deadline(call: Callable[[str, Deadline], None], wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(400, "ThrottlingException", seconds=10) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        with pytest.raises(NoTimeLeft):
            call(wm.rates_table, Deadline.after(0.3))
