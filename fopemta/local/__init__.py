"""Delivery on this machine (shell): into Maildirs."""
