"""The settings of the functions for push notifications."""

from dataclasses import dataclass, field
from typing import Final

from mailhooks.settings import SECRET_FORM, TABLE_FORM, Form, Settings

_HTTP_URL: Final = Form(r"https?://[^\s/]+(?:/\S*)?", "an https: URL")
_EVENT_BUS: Final = Form(
    r"[\w./-]{1,256}|arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:event-bus/[\w./-]{1,256}", "the name or ARN of an event bus"
)
_PUSH_CONFIG: Final = Form(
    r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s/].*|ssm:[\w./:-]+|[\w-][\w.-]*\.json",
    "the name of a JSON file, s3://bucket/key or ssm:/name",
)
_ROLE_ID: Final = Form(r"[\w-]{1,64}", "the ID of an impersonation role")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings(Settings):
    """See `Settings`.

    Attributes:
        push_url: the URL of the push function, to which WorkMail posts notifications.
        push_secret: the name or ARN of the secret that signs that URL for each subscription.
        push_subscriptions_table, push_events_table: DynamoDB tables of the subscriptions, and of the events on the bus.
        push_event_bus: the name or ARN of the EventBridge bus that receives the events.
        push_config: the source of the subscriptions: a file name, s3://bucket/key or ssm:/name.
        push_ews_url: the EWS endpoint of the organization; empty for that of the function's region.
        push_impersonation_role: ID of the impersonation role of the organization `organization_id` that makes the subscriptions.
    """

    push_url: str = field(default="", metadata={"form": _HTTP_URL})
    push_secret: str = field(default="", metadata={"form": SECRET_FORM})
    push_subscriptions_table: str = field(default="", metadata={"form": TABLE_FORM})
    push_events_table: str = field(default="", metadata={"form": TABLE_FORM})
    push_event_bus: str = field(default="", metadata={"form": _EVENT_BUS})
    push_config: str = field(default="subscriptions.json", metadata={"form": _PUSH_CONFIG})
    push_ews_url: str = field(default="", metadata={"form": _HTTP_URL})
    push_impersonation_role: str = field(default="", metadata={"form": _ROLE_ID})
