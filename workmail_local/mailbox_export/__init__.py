"""The command `export`: a deployed stack of export/template.yaml, its progress, and its files."""
