"""Push notifications of EWS as WorkMail posts them, and the services of the push function on moto."""

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from workmail_local.runtime.invocation import Invocation
from workmail_local.workmail import LocalWorkMail

MAILBOX = "support@example.com"
NAME = "tickets"
SECRET = "a key of forty random characters, or so"
SUBSCRIPTION_ID = "JQBleGFtcGxlLmNvbQ=="

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
  <soap:Header>
    <t:RequestServerVersion Version="Exchange2010_SP2" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"/>
  </soap:Header>
  <soap:Body>
    <m:SendNotification xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" \
xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
      <m:ResponseMessages>{messages}</m:ResponseMessages>
    </m:SendNotification>
  </soap:Body>
</soap:Envelope>
"""

_MESSAGE = """
        <m:SendNotificationResponseMessage ResponseClass="Success">
          <m:ResponseCode>NoError</m:ResponseCode>
          <m:Notification>
            <t:SubscriptionId>{subscription}</t:SubscriptionId>
            <t:PreviousWatermark>AAAA</t:PreviousWatermark>
            <t:MoreEvents>false</t:MoreEvents>{events}
          </m:Notification>
        </m:SendNotificationResponseMessage>
      """

_EVENT = """
            <t:{kind}Event>
              <t:Watermark>{watermark}</t:Watermark>{more}
            </t:{kind}Event>"""


def event_xml(
    kind: str = "NewMail", watermark: str = "w1", *, time: str = "2026-11-30T08:15:00Z", item: str = "item-1", unread: str = ""
) -> str:
    """Return the element of an event in the INBOX, or of a heartbeat."""
    more = ""
    if kind != "Status":
        more += f"\n              <t:TimeStamp>{time}</t:TimeStamp>"
        more += f'\n              <t:ItemId Id={quoteattr(item)} ChangeKey="CK1"/>'
        more += '\n              <t:ParentFolderId Id="inbox-id" ChangeKey="CK2"/>'
    if kind in ("Moved", "Copied"):
        more += '\n              <t:OldItemId Id="old-item" ChangeKey="CK3"/>\n              <t:OldParentFolderId Id="old-folder"/>'
    if unread:
        more += f"\n              <t:UnreadCount>{unread}</t:UnreadCount>"
    return _EVENT.format(kind=kind, watermark=watermark, more=more)


def message_xml(events: Iterable[str] = (), subscription: str = SUBSCRIPTION_ID) -> str:
    """Return a response message with the notification of one subscription; with a new mail if no events are given."""
    return _MESSAGE.format(subscription=subscription, events="".join(events) or event_xml())


def post_xml(*messages: str) -> str:
    """Return the body of a post; with one new mail if no messages are given."""
    return _ENVELOPE.format(messages="".join(messages) or message_xml())


def url_event(body: str | bytes, path: str, *, method: str = "POST") -> dict[str, Any]:
    """Return the event of a function URL, payload format 2.0, with what the push function reads."""
    encoded = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return {"version": "2.0", "rawPath": path, "requestContext": {"http": {"method": method}}, "body": text, "isBase64Encoded": encoded}


class InProcess(NamedTuple):
    """Calls a handler in this process."""

    handler: Any

    def invoke(self, event: Mapping[str, Any], request_id: str, timeout_s: float) -> Invocation:
        class Context:
            aws_request_id = request_id

        return Invocation(self.handler(event, Context()))


class PushServices:
    """The tables, the bus and the secret of the push stack, and a queue that gets all events of the bus."""

    def __init__(self, wm: LocalWorkMail) -> None:
        name = f"push-{uuid.uuid4().hex[:12]}"
        self._dynamodb, self._events, self._sqs = wm.client("dynamodb"), wm.client("events"), wm.client("sqs")
        self.subscriptions_table, self.events_table, self.bus = f"{name}-subscriptions", f"{name}-events", name
        for table, key in ((self.subscriptions_table, "id"), (self.events_table, "pk")):
            self._dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self._events.create_event_bus(Name=name)
        self._queue = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = json.dumps({"source": ["workmail-hooks"]})
        self._events.put_rule(Name="all", EventBusName=name, EventPattern=pattern)
        self._events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
        wm.client("secretsmanager").create_secret(Name=name, SecretString=SECRET)
        self.variables = {
            "PUSH_SECRET": name,
            "PUSH_SUBSCRIPTIONS_TABLE": self.subscriptions_table,
            "PUSH_EVENTS_TABLE": self.events_table,
            "PUSH_EVENT_BUS": self.bus,
        }

    def subscribe(self, subscription_id: str = SUBSCRIPTION_ID, mailbox: str = MAILBOX, name: str = NAME, state: str = "active") -> None:
        """Record a subscription as the keeper does."""
        item = {"id": subscription_id, "mailbox": mailbox, "name": name, "state": state}
        self._dynamodb.put_item(TableName=self.subscriptions_table, Item={key: {"S": value} for key, value in item.items()})

    def received(self) -> list[dict[str, Any]]:
        """Return the events in the queue, and remove them."""
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            found += (json.loads(message["Body"]) for message in messages)
            entries = [{"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]} for index, each in enumerate(messages)]
            self._sqs.delete_message_batch(QueueUrl=self._queue, Entries=entries)
        return found

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the items of both tables."""
        tables = (self.subscriptions_table, self.events_table)
        return {table: self._dynamodb.scan(TableName=table)["Items"] for table in tables}

    def forget_events(self) -> None:
        """Remove the records of all events, so that the same posts have the same effect again."""
        for row in self.rows()[self.events_table]:
            self._dynamodb.delete_item(TableName=self.events_table, Key={"pk": row["pk"]})

    def heard_at(self, subscription_id: str = SUBSCRIPTION_ID) -> int:
        """Return the time of the last notification of a subscription; 0 for none."""
        item = self._dynamodb.get_item(TableName=self.subscriptions_table, Key={"id": {"S": subscription_id}})["Item"]
        return int(item.get("heardAt", {}).get("N", "0"))
