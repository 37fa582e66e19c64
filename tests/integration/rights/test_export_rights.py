"""Least privilege of the export function (export/template.yaml): it needs each right of its role, and no other."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest

from mailhooks.mailbox_export.manifest import State
from tests.infrastructure.stack import ROOT, Stack, read_template
from tests.integration.rights.deployment import KEY, REGION
from tests.integration.rights.test_rights import OF_LAMBDA
from tests.support.mailbox_export import Clock, Company, run_company
from tests.support.servers.access_control import ACCOUNT, AccessControl, Right, Role, list_rights
from tests.support.servers.hosting import ServerPool
from tests.support.state_machine import ExecutionFailed
from workmail_local.aws.export_jobs import Outcome
from workmail_local.workmail import LocalWorkMail

EXPORT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/export"


class Site(NamedTuple):
    """A local WorkMail behind access control."""

    control: AccessControl
    workmail: LocalWorkMail
    clock: Clock


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    clock = Clock()
    with LocalWorkMail(clock=clock) as workmail, ServerPool() as pool:
        control = AccessControl(workmail.make_one_endpoint(), workmail)
        with pool.host(control):
            yield Site(control, workmail, clock)


def list_role_rights(company: Company, topic: str) -> list[Right]:
    """Return the rights of the function's role, with the physical names of this account."""
    organization = company.workmail.organization.id
    stack = Stack(
        read_template(ROOT / "export/template.yaml"),
        name="leave",
        region=REGION,
        OrganizationId=organization,
        KmsKeyArn=KEY,
        AlarmTopicArn=topic,
    )
    text = json.dumps(stack.statements("ExportFunction"))
    for name, value in {
        "leave-ExportBucket.Arn": f"arn:aws:s3:::{company.bucket}",
        "leave-ExportRole.Arn": EXPORT_ROLE,
        "leave-LogGroup.Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/leave:*",
    }.items():
        text = text.replace(name, value)
    return list_rights(json.loads(text))


def run_with(site: Site, without: int | None = None) -> tuple[Role, Any]:
    """Run an export of two mailboxes with the rights of the role but one, given by its number.

    Returns:
        The role, and the states of the mailboxes; the name of the error if the execution fails.
    """
    control, workmail, clock = site
    with closing(workmail.client("sns")) as sns:
        topic = sns.create_topic(Name="report")["TopicArn"]
    with run_company(workmail, clock, topic) as company, pytest.MonkeyPatch.context() as patch:
        ana, _ = company.add_users(2)
        rights = [each for number, each in enumerate(list_role_rights(company, topic)) if number != without]
        role = Role("export", rights, KEY)
        control.roles = {role.name: role}
        for name in list(workmail.environment):
            if name.startswith("AWS_ENDPOINT_URL"):
                patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", control.url)
        patch.setenv("AWS_ACCESS_KEY_ID", role.name)
        company.handler = company.make_handler()
        try:
            workmail.exports.plan_outcomes(ana, Outcome.FAILED)  # such a job is described
            company.make_machine().run({})
        except ExecutionFailed as error:
            return role, str(error)
        return role, [each.state for each in company.read_manifest().mailboxes.values()]


def test_an_export_uses_each_right_of_its_role_and_needs_no_other(site: Site) -> None:
    role, states = run_with(site)

    assert states == [State.EXPORTED, State.EXPORTED]
    assert role.denied == []
    assert [right for right in role.rights if right not in role.used and right.action not in OF_LAMBDA] == []
    assert site.control.unknown == []
    assert role.doubtful == []


@pytest.mark.slow
def test_without_any_one_right_an_export_fails_or_orders_mailboxes_without_their_sizes(site: Site) -> None:
    complete, states = run_with(site)
    for number, right in enumerate(complete.rights):
        if right.action in OF_LAMBDA:
            continue
        role, less = run_with(site, without=number)
        assert {action for action, _ in role.denied} <= {right.action}, right
        assert less != states or right.action == "workmail:GetMailboxDetails", right
