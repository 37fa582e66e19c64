"""The stack as the template says it: every permission, policy, bucket setting, time-out, condition and output."""
