"""The evaluation of JSON policies for one request."""

import json
from typing import Any

import pytest

from workmail_local.doctor.statements import PolicyRequest, decide, fits, list_statements

WORKMAIL = "workmail.us-east-1.amazonaws.com"
OBJECT = "arn:aws:s3:::mail/rewritten/1"
REQUEST = PolicyRequest("s3:GetObject", OBJECT, WORKMAIL, {"aws:sourceaccount": "111122223333", "aws:sourcearn": "arn:aws:w:::m-1/in/1"})


def _allow(**changed: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": WORKMAIL}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::mail/*"}
    return {"Statement": [statement | changed]}


def _when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return _allow(Condition={operator: {key: list(values)}})


@pytest.mark.parametrize(
    "policy, allowed, possible",
    [
        (_allow(), True, True),
        (_allow(Action=["s3:PutObject", "S3:get*"]), True, True),
        (_allow(Action="s3:PutObject"), False, False),
        (_allow(Resource="arn:aws:s3:::other/*"), False, False),
        (_allow(Principal="*"), True, True),
        (_allow(Principal={"AWS": "*"}), True, True),
        (_allow(Principal={"AWS": "arn:aws:iam::111122223333:root"}), False, False),
        (_allow(Principal={"Service": ["lambda.amazonaws.com", WORKMAIL]}), True, True),
        (_allow(NotAction="s3:Put*"), True, True),
        (_allow(NotAction="s3:Get*"), False, False),
        ({"Statement": {**_allow()["Statement"][0]}}, True, True),
        (_when("StringEquals", "AWS:SourceAccount", "111122223333"), True, True),
        (_when("StringEquals", "aws:SourceAccount", "999999999999", "111122223333"), True, True),
        (_when("StringEquals", "aws:SourceAccount", "999999999999"), False, False),
        (_when("StringNotEquals", "aws:SourceAccount", "999999999999"), True, True),
        (_when("ArnLike", "aws:SourceArn", "arn:aws:w:::m-1/*"), True, True),
        (_when("ArnLike", "aws:SourceArn", "arn:aws:w:::m-2/*"), False, False),
        (_when("StringEquals", "aws:SourceVpc", "vpc-1"), False, True),
        (_when("StringEqualsIfExists", "aws:SourceVpc", "vpc-1"), True, True),
        (_when("Null", "aws:SourceVpc", "true"), True, True),
        (_when("Null", "aws:SourceArn", "true"), False, False),
        (_when("IpAddress", "aws:SourceAccount", "10.0.0.0/8"), False, True),
        (_when("ForAnyValue:StringLike", "aws:SourceAccount", "1111*"), True, True),
    ],
)
def test_an_allow_statement_applies_if_each_of_its_elements_does(policy: dict[str, Any], allowed: bool, possible: bool) -> None:
    decision = decide([policy], REQUEST)
    assert (decision.allowed, decision.possible) == (allowed, possible)


def test_a_deny_statement_outranks_each_allow_statement() -> None:
    deny = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}
    assert decide([_allow(), deny], REQUEST).allowed is False
    assert decide([deny, _allow()], REQUEST).possible is False


def test_a_deny_statement_in_doubt_is_named() -> None:
    condition = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
    deny = {"Statement": [{"Sid": "Vpc", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition}]}
    decision = decide([_allow(), deny], REQUEST)
    assert (decision.allowed, decision.doubtful) == (True, ("Vpc",))


def test_a_deny_statement_for_other_principals_is_in_doubt() -> None:
    deny = {"Statement": [{"Effect": "Deny", "NotPrincipal": {"Service": WORKMAIL}, "Action": "s3:*", "Resource": "*"}]}
    assert decide([_allow(), deny], REQUEST).doubtful == ("without Sid",)


def test_the_policies_of_a_role_have_no_principal() -> None:
    statement = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}
    assert decide([json.dumps({"Statement": [statement]})], PolicyRequest("s3:GetObject", OBJECT)).allowed
    assert not decide([], PolicyRequest("s3:GetObject", OBJECT)).possible


@pytest.mark.parametrize("document", ["", "no JSON", "[]", {}, {"Statement": "x"}])
def test_a_text_that_is_no_policy_has_no_statements(document: Any) -> None:
    assert list_statements(document) == []


@pytest.mark.parametrize(
    "pattern, value, expected",
    [("*", "", True), ("a.c", "abc", False), ("a?c", "abc", True), ("arn:*:x/*", "arn:aws:s3:::x/1", True), ("a*", "b", False)],
)
def test_only_two_characters_of_a_pattern_are_wildcards(pattern: str, value: str, expected: bool) -> None:
    assert fits(pattern, value) is expected
