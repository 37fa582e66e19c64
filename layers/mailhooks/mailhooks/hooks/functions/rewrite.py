"""The hook of the function `rewrite`: without a policy in its folder, it tags the subject of each message."""

from mailhooks.content.header_changes import check_tag
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.setting_hook import SettingHook
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All
from mailhooks.policy.rules.rule import Rule, TagSubject
from mailhooks.settings import Settings


class RewriteHook(SettingHook):
    """Tags the subject of every message, or runs the policy in its folder."""

    name = "rewrite"
    setting = "SUBJECT_TAG"

    @staticmethod
    def make_policy(settings: Settings) -> Policy:
        """Return a policy of one rule that applies to every message.

        Raises:
            SettingsError: SUBJECT_TAG is missing or invalid.
        """
        try:
            tag = check_tag(settings.subject_tag)
        except ValueError as error:
            raise SettingsError(f"SUBJECT_TAG: {error}") from None
        if not tag:
            raise SettingsError("SUBJECT_TAG: set it, or put a policy.yaml next to app.py")
        return Policy((Rule("rewrite", 0, All.of((), "all"), (TagSubject(tag),)),), file="settings")
