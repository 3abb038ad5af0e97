"""Ethereum's workloads: a file per role, and one for each program that several roles run.

May not know: how keys are made (they come from the vault) and where anything lives (the site says).
"""
