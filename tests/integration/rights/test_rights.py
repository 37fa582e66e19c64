"""Least privilege: each function needs each right of its role, and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from mailhooks.contract.schema import check
from tests.infrastructure.stack import Stack, read_template
from tests.integration.rights.cases import CASES, RAW, arrive
from tests.integration.rights.deployment import REGION, Account, Case, Run
from tests.support.servers.access_control import Right
from workmail_local.doctor.statements import PolicyRequest, decide

_NETWORK: Final = "Lambda connects the function to a VPC; the condition excludes the function's code"
_TRACES: Final = "the daemon beside the function sends the traces"
OF_LAMBDA: Final = {
    "logs:CreateLogStream": "Lambda writes the function's output",
    "logs:PutLogEvents": "Lambda writes the function's output",
    "xray:PutTraceSegments": _TRACES,
    "xray:PutTelemetryRecords": _TRACES,
    "ec2:CreateNetworkInterface": _NETWORK,
    "ec2:DescribeNetworkInterfaces": _NETWORK,
    "ec2:DescribeSubnets": _NETWORK,
    "ec2:DeleteNetworkInterface": _NETWORK,
    "ec2:AssignPrivateIpAddresses": _NETWORK,
    "ec2:UnassignPrivateIpAddresses": _NETWORK,
}
"""The rights that Lambda itself uses, with the reason, and no code. `Run.send_dead_letter` uses that on the queue.

Rights of AWS's own policies (AWSLambdaBasicExecutionRole, AWSXrayWriteOnlyAccess) are not among those of a stack, so that no code may
depend on them.
"""

_DENIED: Final = re.compile("AccessDenied|AuthorizationError")
_SILENT: Final = re.compile(r"s3:GetObject arn:aws:s3:::[a-z0-9-]+/decided/\*|kms:Decrypt .*")
"""Rights to read a stored verdict. Without s3:ListBucket, S3 answers AccessDenied also for a verdict that was not stored, so no line is
logged; the retry decides again."""


def list_unused(run: Run) -> list[Right]:
    """Return the rights that neither the function nor Lambda has used."""
    return [right for right in run.role.rights if right not in run.role.used and right.action not in OF_LAMBDA]


def remove_each_right(case: Case, account: Account, folder: Path, rights: list[Right]) -> Iterator[tuple[Right, Run]]:
    """Run a case without each of these rights."""
    for right in rights:
        yield right, case.run(account, folder, [each for each in case.list_rights(account) if each != right])


def find_risk(account: Account, run: Run) -> str:
    """Return how mail of a run is lost, damaged or changed twice; "" if it is not."""
    for answer in (each for each in run.outcome if isinstance(each, dict) and "actions" in each):
        check("run-lambda-response-inbound", answer)
        if answer["actions"][-1] != {"action": {"type": "DEFAULT"}, "allRecipients": True}:
            return f"the answer does not deliver to the other recipients: {answer}"
    for message in run.messages:
        content = account.workmail.store.content(message)
        if not content.startswith(b"From: Nora <nora@example.net>\r\n") or content.count(b"Buy now.") != 1 or content.count(b"[X]") > 1:
            return f"a message is damaged: {content!r}"
        if account.workmail.store.puts(message) != (content != RAW):
            return "a message was changed twice"
    return ""


@pytest.mark.parametrize("name", CASES)
def test_a_function_uses_each_right_of_its_role_and_needs_no_other(name: str, account: Account, tmp_path: Path) -> None:
    run = CASES[name].run(account, tmp_path)

    assert run.role.denied == []
    assert list_unused(run) == []
    assert account.control.unknown == []
    assert run.role.doubtful == []
    assert not [right for right in run.role.used if right.action in OF_LAMBDA]
    assert not _DENIED.search(run.log)
    assert find_risk(account, run) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_without_any_one_right_a_function_does_less_and_no_mail_is_lost(name: str, account: Account, tmp_path: Path) -> None:
    case = CASES[name]
    complete = case.run(account, tmp_path)
    assert complete.outcome == case.run(account, tmp_path).outcome, "two runs differ without a cause"
    # The cases of one function share the rights of the first, in which each is removed once.
    first = CASES[case.function]
    known = set(first.list_rights(account)) if first is not case else set()
    rights = [each for each in case.list_rights(account) if each not in known and each.action not in OF_LAMBDA]

    for right, less in remove_each_right(case, account, tmp_path, rights):
        assert {action for action, _ in less.role.denied} == {right.action}, right
        assert less.outcome != complete.outcome, f"no call needs {right}"
        assert _SILENT.fullmatch(f"{right.action} {right.resource}") or _DENIED.search(less.log + json.dumps(less.outcome)), right
        assert find_risk(account, less) == "", right


@pytest.mark.parametrize("function", ["mailflow", "rewrite", "disclaimer"])
def test_boto3s_clients_need_the_same_rights_as_the_light_ones(function: str, account: Account, tmp_path: Path) -> None:
    light, boto3 = CASES[function].run(account, tmp_path), CASES[function].run(account, tmp_path, AWS_CLIENT="boto3")

    assert (boto3.role.denied, boto3.outcome) == ([], light.outcome)
    assert boto3.role.used == light.role.used


class TestWorkMail:
    """WorkMail reads the object of a Put by the policy of the bucket, and by that of the key in samples/encryption-key."""

    @pytest.mark.parametrize("statement", ["WorkMailReads", "WorkMailReadsRewrittenMessages"])
    @pytest.mark.parametrize("function", ["mailflow", "rewrite", "disclaimer"])
    def test_without_one_of_its_rights_mail_is_delivered_unchanged(
        self, function: str, statement: str, account: Account, tmp_path: Path
    ) -> None:
        run = CASES[function].run(account, tmp_path, without=statement)

        assert {account.workmail.store.content(message) for message in run.messages} == {RAW}
        assert "InvalidContentLocation" in run.log
        assert find_risk(account, run) == ""

    def test_it_may_not_read_stored_verdicts(self, account: Account) -> None:
        [policy] = CASES["rewrite"].make_stack(account).of_type("AWS::S3::BucketPolicy").values()
        context = {
            "aws:sourceaccount": "123456789012",
            "aws:securetransport": "true",
            "aws:sourcearn": f"arn:aws:workmailmessageflow:us-east-1:123456789012:message/{account.workmail.organization.id}/incoming/1",
        }

        def may_read(key: str) -> bool:
            resource = f"arn:aws:s3:::{account.workmail.bucket}/{key}"
            request = PolicyRequest("s3:GetObject", resource, "workmail.us-east-1.amazonaws.com", context)
            return decide([account.resolve(policy["PolicyDocument"])], request).allowed

        assert may_read("rewritten/1/2")
        assert not may_read("decided/1")


class TestCases:
    """The cases have each right of the template, so that none is without a test."""

    def test_each_function_of_this_project_has_a_case(self) -> None:
        ours = {"mailflow", "rewrite", "disclaimer", "bounce", "observe", "availability", "approve"}

        assert {case.function for case in CASES.values()} >= ours

    def test_each_action_of_each_statement_is_a_right_in_a_case(self, account: Account) -> None:
        template = Stack(region=REGION).translated["Resources"]
        policies = {
            name: resource["Properties"].get("PolicyDocument") or resource["Properties"].get("Policies", ())
            for name, resource in template.items()
            if resource["Type"] in {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
        }
        held = {right.action for case in CASES.values() for right in case.list_rights(account)}

        assert {action for each in policies.values() for action in _list_actions(each)} == held
        assert OF_LAMBDA.keys() <= held

    @pytest.mark.parametrize(
        "statement,unused",
        [
            ({"Action": "s3:GetObject", "Resource": {"Fn::Sub": "${RewriteBucket.Arn}/rewritten/*"}}, 1),
            ({"Action": "s3:ListBucket", "Resource": {"Fn::GetAtt": ["RewriteBucket", "Arn"]}}, 1),
            ({"Action": "workmailmessageflow:GetRawMessageContent", "Resource": "arn:aws:workmailmessageflow:*:*:message/m-0/*"}, 1),
            # Wider than a right that exists, with which neither is necessary.
            ({"Action": "s3:GetObject", "Resource": {"Fn::Sub": "${RewriteBucket.Arn}/*"}}, 2),
        ],
    )
    def test_a_superfluous_right_is_found(self, statement: dict[str, Any], unused: int, account: Account, tmp_path: Path) -> None:
        template = read_template()
        document = template["Resources"]["ReadAndReplaceMessages"]["Properties"]["PolicyDocument"]
        document["Statement"].append({"Effect": "Allow", **statement})
        case = CASES["rewrite"]
        stack = Stack(template, region=REGION, OrganizationId=account.workmail.organization.id, **case.parameters(account))
        rights = case.list_rights(account, stack)

        [added] = set(rights) - set(case.list_rights(account))
        found = list_unused(case.run(account, tmp_path, rights))
        assert added in found
        assert {right.action for right in found} == {statement["Action"]}
        assert len(found) == unused


@pytest.mark.parametrize("function", ["mailflow", "rewrite", "disclaimer", "observe"])
@pytest.mark.parametrize("direction", ["INBOUND", "OUTBOUND"])
def test_a_function_for_one_direction_cannot_read_mail_of_the_other(
    function: str, direction: str, account: Account, tmp_path: Path
) -> None:
    def drive(run: Run) -> None:
        run.start(policy="version: 1\nrules: [ { name: tag, do: { subject_tag: '[X]' } } ]\n")
        run.invoke(arrive(run, "INBOUND"))
        run.invoke(arrive(run, "OUTBOUND"))

    case = Case(function, lambda _: {"Functions": function, "MailDirection": direction.lower()}, drive)
    run = case.run(account, tmp_path)

    own, other = run.messages if direction == "INBOUND" else reversed(run.messages)
    denied = {(action, resource.rpartition("/")[2]) for action, resource in run.role.denied}
    assert denied == {("workmailmessageflow:GetRawMessageContent", other)}
    assert account.workmail.store.content(other) == RAW
    assert (account.workmail.store.content(own) == RAW) is (function == "observe")


def _list_actions(policy: Any) -> Iterator[str]:
    """Return the actions of all statements in a document."""
    if isinstance(policy, dict):
        action = policy.get("Action", [])
        yield from [action] if isinstance(action, str) else action
        for each in policy.values():
            yield from _list_actions(each)
    elif isinstance(policy, list):
        for each in policy:
            yield from _list_actions(each)
