"""The stack as the template defines it: every permission, policy, bucket setting, time-out, condition and output."""
