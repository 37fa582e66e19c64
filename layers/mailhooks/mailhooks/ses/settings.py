"""The settings of the function `ses`."""

from dataclasses import dataclass, field
from typing import Final

from mailhooks.errors import SettingsError
from mailhooks.settings import SECRET_FORM, TABLE_FORM, Form, Settings

_MAILBOX_PATTERN: Final = r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
_MAILBOX: Final = Form(_MAILBOX_PATTERN, "an address of ASCII characters, such as postmaster@example.com")
_BUCKET: Final = Form(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket")
_PREFIX: Final = Form(r"[A-Za-z0-9!_.'()/-]{1,200}", "the beginning of an object's key, such as incoming/")
_HOST_AND_PORT: Final = Form(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", "host:port, such as mx.example.net:25")
_TLS: Final = Form(r"required|implicit|none", "required, implicit or none")
_FILE: Final = Form(r"[\w-][\w.-]*\.pem", "the name of a PEM file in the function's folder")
_HOST: Final = Form(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", "a host name")
_FIELD: Final = Form(r"X-[!-9;-~]{1,74}: ?[!-~](?:[ -~]{0,198}[!-~])?", "a header field, such as X-Spam-Flag: YES")
_FORWARD_PATTERN: Final = rf"(?:\*@[A-Za-z0-9.-]+|{_MAILBOX_PATTERN})=(?:\*@[A-Za-z0-9.-]+|{_MAILBOX_PATTERN})"
_FORWARD: Final = Form(
    rf"{_FORWARD_PATTERN}(?:\s*,\s*{_FORWARD_PATTERN})*", "pairs such as *@example.com=*@example.net, separated by commas"
)
_QUEUE_URL: Final = Form(r"https?://[!-~]{1,500}", "the URL of a queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class SesSettings(Settings):
    """See `Settings`.

    Attributes:
        mail_bucket, mail_prefix: the place of the messages that SES stores: the S3 action of the receipt rule.
        messages_table: the DynamoDB table with the state of each message.
        failures_queue: the URL of the queue that gets the event of a message that the function gives up.
        retry_hours: hours in which the function tries to pass a message on. Then it gives the message up.
        next_host: the next mailbox host; empty to send by SES, from `forward_from`.
        next_host_tls: required for STARTTLS, implicit for TLS from the first octet (port 465), none.
        next_host_ca: a PEM file with the authorities that may have issued the host's certificate; empty for those of the system.
        next_host_login: the secret with the login at the host, a JSON object of username and password; empty for none.
        host_name: the name of this host in EHLO and Received.
        forward_from: the address from which SES sends messages, if there is no `next_host`.
        forward_to: pairs of a recipient and the address that gets its mail; `*` is any local part, or the recipient's own.
        bounce_sender: the From address of bounce messages, which SES has verified.
        mark_secret: the secret that signs the mark of checked messages; empty for no mark.
        junk_header, bypass_header: the field that marks junk, and one that lets a message pass the next host's check for spam.
    """

    mail_bucket: str = field(default="", metadata={"form": _BUCKET})
    mail_prefix: str = field(default="incoming/", metadata={"form": _PREFIX})
    messages_table: str = field(default="", metadata={"form": TABLE_FORM})
    failures_queue: str = field(default="", metadata={"form": _QUEUE_URL})
    retry_hours: int = 96
    next_host: str = field(default="", metadata={"form": _HOST_AND_PORT})
    next_host_tls: str = field(default="required", metadata={"form": _TLS})
    next_host_ca: str = field(default="", metadata={"form": _FILE})
    next_host_login: str = field(default="", metadata={"form": SECRET_FORM})
    host_name: str = field(default="ses.mailhooks.invalid", metadata={"form": _HOST})
    forward_from: str = field(default="", metadata={"form": _MAILBOX})
    forward_to: str = field(default="", metadata={"form": _FORWARD})
    bounce_sender: str = field(default="", metadata={"form": _MAILBOX})
    mark_secret: str = field(default="", metadata={"form": SECRET_FORM})
    junk_header: str = field(default="X-Spam-Flag: YES", metadata={"form": _FIELD})
    bypass_header: str = field(default="", metadata={"form": _FIELD})

    def require_complete(self) -> None:
        """Raise an error if the settings do not suffice to pass on a message.

        Raises:
            SettingsError: names the variables.
        """
        needed = ["mail_bucket", "messages_table", "failures_queue", "bounce_sender", "organization_domains"]
        needed += [] if self.next_host else ["forward_from", "forward_to"]
        if missing := [name.upper() for name in needed if not getattr(self, name)]:
            alternative = "" if self.next_host else " (or NEXT_HOST in place of FORWARD_FROM and FORWARD_TO)"
            raise SettingsError(f"{', '.join(missing)}: not set{alternative}")
        if self.next_host and (self.forward_from or self.forward_to):
            raise SettingsError("NEXT_HOST, FORWARD_FROM: set one of them: mail is passed on by SMTP, or sent by SES")
        if self.next_host_login and self.next_host_tls == "none":
            raise SettingsError("NEXT_HOST_LOGIN: it needs TLS: set NEXT_HOST_TLS to required or implicit")
