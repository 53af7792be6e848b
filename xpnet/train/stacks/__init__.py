"""Stacks in training: their networks end one by one."""
