"""Checks of a deployed stack and its WorkMail organization, which only read (docs/doctor.md)."""
