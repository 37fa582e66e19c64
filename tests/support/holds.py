"""Helpers for tests of held messages."""

from itertools import count

from workmail_local.workmail import LocalWorkMail

_NUMBERS = count()


def make_holds_table(workmail: LocalWorkMail) -> str:
    """Create a table as in the template, and return its name."""
    name = f"holds-{next(_NUMBERS)}"
    workmail.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
    )
    return name
