"""Tags the subject and changes headers (synchronous Run Lambda rule)."""

from mailhooks.hook import sync_hook
from mailhooks.messageflow import MessageFlow
from mailhooks.rewrite import Rewrite, RewriteHook
from mailhooks.settings import env

handler = sync_hook(RewriteHook(Rewrite.from_settings(env())), content=MessageFlow.from_settings(env()))
