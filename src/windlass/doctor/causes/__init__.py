"""A module per kind of cause. Each has `find(evidence)`, which is pure and yields findings.

May not know: how anything was asked. What is not in the evidence does not exist here.
"""
