"""The things that `doctor` looks at, by their ARNs, and the checks that need only them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from workmail_local.doctor.account import Account
from workmail_local.doctor.checks.organization import check_account
from workmail_local.doctor.target import Organization, Target, find_region, parse_function
from workmail_local.errors import NotConnected

ARN = "arn:aws:lambda:eu-west-1:111122223333:function:observe-mail"
ORGANIZATION = Organization("m-" + "0" * 32, "us-east-1", "111122223333")


@pytest.mark.parametrize("suffix, qualifier", [(":live", "live"), (":7", "7"), (":$LATEST", "$LATEST"), ("", "")])
def test_a_function_is_known_by_its_arn(suffix: str, qualifier: str) -> None:
    function = parse_function(ARN + suffix)
    assert (function.name, function.qualifier, function.arn) == ("observe-mail", qualifier, ARN + suffix)
    assert not function.is_availability


@pytest.mark.parametrize("text", ["observe-mail", ARN.replace("lambda", "s3"), ARN + ":a:b"])
def test_another_text_is_no_function(text: str) -> None:
    with pytest.raises(NotConnected, match="arn:aws:lambda"):
        parse_function(text)


def test_the_region_is_that_of_the_function_unless_another_is_given() -> None:
    assert find_region([ARN], None) == "eu-west-1"
    assert find_region([ARN], "us-east-1") == "us-east-1"
    assert find_region([], None) is None


@pytest.mark.parametrize(
    "now, status, found",
    [
        (datetime(2026, 6, 1, tzinfo=UTC), "ok", "303 days until WorkMail ends on 31 March 2027"),
        (datetime(2027, 3, 30, tzinfo=UTC), "warning", "1 day until WorkMail ends on 31 March 2027"),
        (datetime(2027, 4, 1, tzinfo=UTC), "warning", "WorkMail has ended"),
    ],
)
def test_the_end_of_workmail_is_in_each_report(now: datetime, status: str, found: str) -> None:
    account = cast(Any, SimpleNamespace(region="us-east-1"))
    target = Target("111122223333", "us-east-1", ORGANIZATION, now)
    row = next(each for each in check_account(cast(Account, account), target) if each.name == "end of service")
    assert (row.status, row.found) == (status, found)


@pytest.mark.parametrize(
    "direction, expected", [("both", ("incoming", "outgoing")), ("inbound", ("incoming",)), ("outbound", ("outgoing",))]
)
def test_the_directions_follow_from_the_parameter(direction: str, expected: tuple[str, ...]) -> None:
    target = Target("1", "us-east-1", ORGANIZATION, datetime.now(UTC), parameters={"MailDirection": direction})
    assert target.directions == expected
