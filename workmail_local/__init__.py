"""WorkMail on a laptop: SMTP, flow rules, functions, mailboxes, the Message Flow API and S3. For developers; never deployed.

`LocalWorkMail` starts all of it in one `with` statement (docs/testing.md); `workmail-hooks` is the command line.
"""

from typing import TYPE_CHECKING

from workmail_local.errors import HookFailed, explain_missing_package

if TYPE_CHECKING:
    from workmail_local.workmail import LocalWorkMail

__all__ = ["HookFailed", "LocalWorkMail"]


def __getattr__(name: str) -> object:
    """Import `LocalWorkMail` at its first use: it needs moto and boto3, and `python -m workmail_local --help` must answer at once."""
    if name == "LocalWorkMail":
        with explain_missing_package():
            from workmail_local.workmail import LocalWorkMail
        return LocalWorkMail
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
