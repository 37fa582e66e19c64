"""The settings of the function that exports mailboxes."""

from dataclasses import dataclass, field
from typing import Final

from mailhooks.settings import Form, Settings

_EXPORT_BUCKET: Final = Form(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket")
_EXPORT_ROLE: Final = Form(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", "the ARN of a role")
_EXPORT_KEY: Final = Form(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+", "the ARN of a KMS key")
_TOPIC: Final = Form(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+", "the ARN of an SNS topic")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings(Settings):
    """See `Settings`.

    Attributes:
        export_bucket, export_role, export_key: where mailboxes are exported to, the role that WorkMail assumes, and the KMS key.
        report_topic: the SNS topic for the report of an export; empty for none.
    """

    export_bucket: str = field(default="", metadata={"form": _EXPORT_BUCKET})
    export_role: str = field(default="", metadata={"form": _EXPORT_ROLE})
    export_key: str = field(default="", metadata={"form": _EXPORT_KEY})
    report_topic: str = field(default="", metadata={"form": _TOPIC})
