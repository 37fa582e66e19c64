"""An account with access control in front of its services."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from mailhooks.aws.session import open_session
from tests.integration.hooks.test_mailflow_effects import receiver
from tests.integration.rights.deployment import Account, Services
from tests.support.servers.access_control import AccessControl
from tests.support.servers.ews import Bearer, EwsServer, calendar
from tests.support.servers.hosting import ServerPool
from tests.support.servers.workmail import ORGANIZATION, ROLE, WorkMailApi
from workmail_local.workmail import LocalWorkMail


@pytest.fixture(autouse=True)
def _own_session() -> Iterator[None]:
    """Open a session of botocore for each test, which has one function: a session keeps the credentials of a role."""
    open_session.cache_clear()
    yield
    open_session.cache_clear()


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    # CloudFormation makes such a name for the bucket of a stack, which the policy of the sample key expects.
    with LocalWorkMail(bucket=f"mail-rewritebucket-{uuid4().hex[:12]}") as workmail, ServerPool() as pool, receiver() as (webhook, _posts):
        impersonation = WorkMailApi()
        exchange = EwsServer({"ben@example.org": calendar()})
        exchange.sign_in = Bearer(impersonation.tokens)
        control = AccessControl(Services(workmail, impersonation), workmail)
        with pool.host(control), pool.host(exchange):
            workmail.organization.id = ORGANIZATION
            workmail.organization.add_user("ana@example.com", name="Ana Silva", aliases=["a.silva@example.com"])
            workmail.organization.add_group("board@example.com", ["ana@example.com"])
            account = Account(workmail, control, exchange, webhook)
            there = {"type": "workmail", "organizationId": ORGANIZATION, "impersonationRoleId": ROLE, "region": "us-east-1"}
            account.create_resources(
                {
                    "backends": {"there": {**there, "url": exchange.endpoint}},
                    "routes": [{"mailboxes": ["example.org"], "backend": "there"}],
                }
            )
            yield account
