"""Puts the events of mailboxes on EventBridge: WorkMail posts its EWS push notifications to this function's URL."""

from mailhooks.push.handler import push_handler

handler = push_handler()
