"""What the sample notifications in events/push need: the tables, the secret and a subscription of the push stack.

The events arrive on the bus `default`.
"""

from contextlib import closing
from typing import Final

from workmail_local.aws.services import LocalAws

SECRET: Final = "local-push"  # noqa: S105 - a name
SECRET_VALUE: Final = "local"  # noqa: S105 - of the sample notifications alone, whose URLs it signs
SUBSCRIPTIONS_TABLE: Final = "local-push-subscriptions"
EVENTS_TABLE: Final = "local-push-events"
SUBSCRIPTION: Final = {"id": "sample-subscription", "mailbox": "support@example.com", "name": "tickets", "state": "active"}


def publish(wm: LocalAws) -> None:
    """Create the resources. They are removed with the local WorkMail."""
    with closing(wm.client("secretsmanager")) as secrets:
        try:
            secrets.create_secret(Name=SECRET, SecretString=SECRET_VALUE)
        except secrets.exceptions.ResourceExistsException:
            # moto has one Secrets Manager for all instances of a process.
            secrets.put_secret_value(SecretId=SECRET, SecretString=SECRET_VALUE)
    wm.make_push_table(SUBSCRIPTIONS_TABLE, "id")
    wm.make_push_table(EVENTS_TABLE, "pk")
    with closing(wm.client("dynamodb")) as dynamodb:
        dynamodb.put_item(TableName=SUBSCRIPTIONS_TABLE, Item={name: {"S": value} for name, value in SUBSCRIPTION.items()})
