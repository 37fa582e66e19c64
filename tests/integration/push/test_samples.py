"""The sample notifications in events/push, with the resources of `workmail-hooks serve --containers`."""

import json

import pytest

from mailhooks.push.handler import push_handler
from mailhooks.push.settings import PushSettings
from tests.infrastructure.stack import ROOT
from workmail_local.containers import sample_push
from workmail_local.workmail import LocalWorkMail

FUNCTION = json.loads((ROOT / "events/env.json").read_text("utf-8"))["ResponderFunction"]


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "events/push").glob("*.json")))
def test_a_sample_notification_is_answered_ok(name: str, wm: LocalWorkMail) -> None:
    sample_push.publish(wm)
    handler = push_handler(settings=PushSettings.from_env(FUNCTION))
    answer = handler(json.loads((ROOT / "events/push" / f"{name}.json").read_text("utf-8")), None)
    assert answer["statusCode"] == 200
    assert "<SubscriptionStatus>OK<" in answer["body"]
