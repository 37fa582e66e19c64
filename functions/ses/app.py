"""Applies a policy to the mail that SES receives, and passes it on (Lambda action of an SES receipt rule, and a schedule)."""

from mailhooks.ses.handler import ses_handler

handler = ses_handler()
