"""The stack as CloudFormation would create it, for many values of its parameters."""
