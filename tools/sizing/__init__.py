"""Measures message size x memory size -> time and cost, for docs/sizing.md."""
