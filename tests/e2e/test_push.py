"""The stack of push notifications in Lambda containers: the commands of docs/push.md, and the keeper with WorkMail's EWS."""

import json
import re
from contextlib import closing

import pytest

from tests.e2e.containers import Containers
from tests.e2e.sam import BUILD_TIMEOUT_S, INVOKE_TIMEOUT_S, Sam
from tests.e2e.serving import ANA, serve
from tests.e2e.test_plain_invoke import Project, Result, make_project
from tests.e2e.toolchain import ROOT, Toolchain
from workmail_local.ews.push_stack import ROLE

PAGE = (ROOT / "docs/push.md").read_text("utf-8")
COMMANDS = re.search(r"^cd push\n(sam build)\n(sam local invoke ResponderFunction .*)$", PAGE, re.MULTILINE)
CONFIGURATION = {"subscriptions": [{"name": "tickets", "mailboxes": [ANA], "folders": ["inbox"], "events": ["NewMail"]}]}
TABLE = "keeper-in-a-container"


@pytest.fixture(scope="module")
def project(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Project:
    assert COMMANDS, "docs/push.md does not show the commands"
    stack = make_project(toolchain, tmp_path_factory.mktemp("push"), "push")
    (stack.folder / "../functions/push/subscriptions.json").write_text(json.dumps(CONFIGURATION))
    stack.run(COMMANDS[1], BUILD_TIMEOUT_S)
    return stack


def invoke_responder(project: Project, event: str) -> Result:
    assert COMMANDS
    done = project.run(COMMANDS[2].replace("new-mail", event), INVOKE_TIMEOUT_S)
    return Result(json.loads(done.stdout), done.stderr)


def test_without_a_server_workmail_is_to_post_again(project: Project) -> None:
    result = invoke_responder(project, "new-mail")

    assert result.response["statusCode"] == 503
    assert "make serve-containers" in result.log


def test_the_samples_are_answered_ok_and_each_event_is_put_on_the_bus_once(project: Project) -> None:
    with serve(project.folder.parent):
        results = [invoke_responder(project, event) for event in ("new-mail", "new-mail", "heartbeat")]

    assert all("<SubscriptionStatus>OK<" in result.response["body"] for result in results)
    lines = [json.loads(line) for result in results for line in result.log.splitlines() if '"the notification was answered"' in line]
    assert [(line["events"], line["duplicates"]) for line in lines] == [(1, 0), (0, 1), (1, 0)]


def test_the_keeper_makes_the_subscription_of_its_file_and_keeps_it(toolchain: Toolchain, project: Project) -> None:
    with Containers(Sam(toolchain, project.folder / ".aws-sam")) as containers:
        wm = containers.workmail
        wm.organization.impersonation_roles.add(ROLE)
        wm.make_push_table(TABLE, "id")
        with closing(wm.client("secretsmanager")) as secrets:
            secrets.create_secret(Name=TABLE, SecretString="a key of forty random characters, or so")
        settings = {
            "ORGANIZATION_ID": wm.organization.id,
            "PUSH_IMPERSONATION_ROLE": ROLE,
            "PUSH_CONFIG": "subscriptions.json",
            "PUSH_EWS_URL": containers.reach(wm.ews_url),
            "PUSH_SECRET": TABLE,
            "PUSH_SUBSCRIPTIONS_TABLE": TABLE,
            "PUSH_URL": "http://127.0.0.1:9/",
        }

        first, second = (containers.invoke("KeeperFunction", {}, settings).response for _ in range(2))

        assert (first["made"], first["failures"]) == (1, [])
        assert (second["kept"], second["made"], second["failures"]) == (1, 0, [])
        with closing(wm.client("dynamodb")) as dynamodb:
            [item] = dynamodb.scan(TableName=TABLE)["Items"]
        assert (item["mailbox"]["S"], item["name"]["S"]) == (ANA, "tickets")
