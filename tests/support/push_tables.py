"""The DynamoDB tables of push notifications, as push/template.yaml has them, on moto's server."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from workmail_local.workmail import LocalWorkMail


@contextmanager
def subscriptions_table(wm: LocalWorkMail) -> Iterator[str]:
    """Provide the name of a new table of subscriptions."""
    client, name = wm.client("dynamodb"), f"subscriptions-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        yield name
    finally:
        client.delete_table(TableName=name)
        client.close()
