import pytest

from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.rewrite import RewriteHook
from mailhooks.settings import Settings
from tests.support.hooks import MESSAGE, changed_by


def test_the_setting_is_a_tag_of_every_subject_and_nothing_else_changes():
    hook = RewriteHook.from_settings(Settings(subject_tag="[EXTERNAL]"))
    tagged = changed_by(hook, MESSAGE)
    assert tagged == MESSAGE.replace(b"Subject: ", b"Subject: [EXTERNAL] ")
    assert changed_by(hook, tagged) == tagged


@pytest.mark.parametrize("tag", ["", " ", "[A]\r\nBcc: x@example.com", "x" * 61, "%%FromName%%", "a\x85b"])
def test_a_tag_that_is_missing_or_would_break_the_header_is_an_error_of_the_setting(tag: str):
    with pytest.raises(SettingsError, match=r"^SUBJECT_TAG: "):
        RewriteHook.from_settings(Settings(subject_tag=tag))
