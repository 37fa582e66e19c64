"""The hook of the function `disclaimer`: without a policy in its folder, it adds one text to each message."""

from pathlib import Path
from typing import Final

from mailhooks.content.disclaimer import Disclaimer
from mailhooks.content.template import MESSAGE_VARIABLES
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.setting_hook import SettingHook
from mailhooks.policy.policy import Policy
from mailhooks.policy.rules.conditions import All
from mailhooks.policy.rules.rule import AddDisclaimer, Rule
from mailhooks.settings import Settings

_OLD_FOLDER: Final = Path("disclaimer")
"""The folder of templates and images of releases before 0.17, which needed no setting."""


class DisclaimerHook(SettingHook):
    """Adds a disclaimer to every message, or runs the policy in its folder."""

    name = "disclaimer"
    setting = "DISCLAIMER_TEXT"

    @staticmethod
    def make_policy(settings: Settings) -> Policy:
        """Return a policy of one rule that applies to every message.

        Raises:
            SettingsError: DISCLAIMER_TEXT is missing, or has an unknown variable; or there is the folder of an earlier release.
        """
        if _OLD_FOLDER.is_dir():
            raise SettingsError("disclaimer/: name its files in a policy.yaml next to app.py (docs/functions.md, Old settings)")
        disclaimer = Disclaimer(text=settings.disclaimer_text)
        if not disclaimer.text.strip():
            raise SettingsError("DISCLAIMER_TEXT: set it, or put a policy.yaml next to app.py")
        try:
            disclaimer.templates[0].check(MESSAGE_VARIABLES)
        except ValueError as error:
            raise SettingsError(f"DISCLAIMER_TEXT: {error}") from None
        return Policy((Rule("disclaimer", 0, All.of((), "all"), (AddDisclaimer(disclaimer),)),), file="settings")
