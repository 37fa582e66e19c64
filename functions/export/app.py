"""Exports all mailboxes of the organization: the tasks of a state machine (export/template.yaml)."""

from mailhooks.mailbox_export.function import ExportHandler

handler = ExportHandler()
