"""Least privilege of the stack of push notifications: each function needs each right of its role, and no other."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from mailhooks.aws.session import open_session
from mailhooks.errors import ServiceFailed
from mailhooks.push.callback_token import make_callback_url
from mailhooks.push.events import EventBus
from mailhooks.push.ews_subscriber import EwsSubscriber, NewSubscription
from mailhooks.push.handler import push_handler
from mailhooks.push.keeper_handler import keeper_handler
from mailhooks.push.settings import PushSettings
from tests.infrastructure.stack import ROOT, Stack, read_template
from tests.integration.rights.deployment import KEY, REGION, Account
from tests.integration.rights.test_rights import OF_LAMBDA
from tests.support.push import MAILBOX, NAME, SECRET, PushServices, event_xml, message_xml, post_xml, url_event
from tests.support.servers.access_control import ACCOUNT, Right, Role, list_rights
from tests.support.servers.workmail import ROLE

PARAMETER: Final = "/push/config"


class Deployment:
    """The push stack in an account."""

    def __init__(self, account: Account, patch: pytest.MonkeyPatch) -> None:
        self._account = account
        self._patch = patch
        self._services = PushServices(account.workmail)
        self._services.subscribe()
        self._stack = Stack(
            read_template(ROOT / "push/template.yaml"),
            name="push",
            region=REGION,
            OrganizationId=account.workmail.organization.id,
            ImpersonationRoleId=ROLE,
            KmsKeyArn=KEY,
            Tracing="Active",
            ConfigSource=f"ssm:{PARAMETER}",
        )

    def resolve(self, document: Any) -> Any:
        """Return a document with the physical names of the stack's resources."""
        text, here, own = json.dumps(document), f"{REGION}:{ACCOUNT}", self._services
        secrets = self._account.workmail.client("secretsmanager")
        secret = secrets.describe_secret(SecretId=own.variables["PUSH_SECRET"])["ARN"]
        secrets.close()
        for name, value in {
            "push-CallbackSecret": secret,
            "push-SubscriptionsTable.Arn": f"arn:aws:dynamodb:{here}:table/{own.subscriptions_table}",
            "push-SubscriptionsTable": own.subscriptions_table,
            "push-EventsTable.Arn": f"arn:aws:dynamodb:{here}:table/{own.events_table}",
            "push-EventsTable": own.events_table,
            "push-EventBus.Arn": f"arn:aws:events:{here}:event-bus/{own.bus}",
            "push-LogGroup.Arn": f"arn:aws:logs:{here}:log-group:/aws/lambda/push:*",
        }.items():
            text = text.replace(name, value)
        return json.loads(text)

    def rights(self, function: str) -> list[Right]:
        return list_rights(self.resolve(self._stack.statements(function)))

    def start(self, function: str, rights: list[Right]) -> tuple[Role, PushSettings]:
        """Set the environment of a function whose role has some rights. Return the role and the settings."""
        role = Role(function, rights, KEY)
        self._account.control.roles = {function: role}
        open_session.cache_clear()
        keys = {"AWS_ACCESS_KEY_ID": function, "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        for name, value in {**keys, "AWS_ENDPOINT_URL": self._account.control.url}.items():
            self._patch.setenv(name, value)
        return role, PushSettings.from_env(self.resolve(self._stack.variables(function)))

    def run_responder(self, rights: list[Right]) -> tuple[Role, list[Any]]:
        """Post an event that the bus accepts, and one that it rejects."""
        role, settings = self.start("ResponderFunction", rights)
        handler = push_handler(settings=settings)
        path = make_callback_url("", SECRET, MAILBOX, NAME)
        statuses = [handler(url_event(post_xml(), path), None)["statusCode"]]
        with self._patch.context() as failing:
            failing.setattr(EventBus, "put", lambda *_: {0: ServiceFailed("ordered by a test")})
            statuses.append(handler(url_event(post_xml(message_xml([event_xml(watermark="w2")])), path), None)["statusCode"])
        self._services.forget_events()
        return role, statuses

    def run_keeper(self, rights: list[Right]) -> tuple[Role, list[Any]]:
        """Make a subscription, remove it, and forget one that WorkMail has ended."""
        self._services.subscribe("an ended one", state="removed")
        role, settings = self.start("KeeperFunction", rights)
        self._patch.setattr(EwsSubscriber, "subscribe", lambda *_, **__: NewSubscription("new", "w1"))
        answers = []
        for mailboxes in (["ana@example.com"], []):
            wanted = [{"name": "a", "mailboxes": mailboxes}] if mailboxes else []
            self._store(json.dumps({"subscriptions": wanted}))
            answers.append(_answer(lambda: keeper_handler(settings=settings)({}, None)))
        return role, answers

    def _store(self, text: str) -> None:
        ssm = self._account.workmail.client("ssm")
        ssm.put_parameter(Name=PARAMETER, Value=text, Type="SecureString", Overwrite=True)
        ssm.close()


def _answer(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - Lambda reports each
        return type(error).__name__


@pytest.fixture
def deployment(account: Account) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch:
        yield Deployment(account, patch)


FUNCTIONS: Final = {"ResponderFunction": Deployment.run_responder, "KeeperFunction": Deployment.run_keeper}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_uses_each_right_of_its_role_and_needs_no_other(function: str, deployment: Deployment, account: Account) -> None:
    rights = deployment.rights(function)
    role, _ = FUNCTIONS[function](deployment, rights)

    assert role.denied == []
    assert [right for right in rights if right not in role.used and right.action not in OF_LAMBDA] == []
    assert (account.control.unknown, role.doubtful) == ([], [])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_any_one_right_a_function_does_less(function: str, deployment: Deployment) -> None:
    rights = deployment.rights(function)
    for right in (each for each in rights if each.action not in OF_LAMBDA):
        role, _ = FUNCTIONS[function](deployment, [each for each in rights if each != right])
        assert {action for action, _ in role.denied} == {right.action}


def test_a_post_without_a_right_is_answered_so_that_workmail_posts_again(deployment: Deployment) -> None:
    rights = deployment.rights("ResponderFunction")
    assert deployment.run_responder(rights)[1] == [200, 503]
    for right in (each for each in rights if each.action not in OF_LAMBDA and each.action != "dynamodb:DeleteItem"):
        _, statuses = deployment.run_responder([each for each in rights if each != right])
        # Without the right to record an event as delivered, it cannot be claimed either.
        assert statuses == [503, 503], right
