"""Registers the pytest plugin of this project, also in a checkout that is not installed. Tests of samples/ use its fixture."""

pytest_plugins = ["workmail_local.pytest_plugin"]
