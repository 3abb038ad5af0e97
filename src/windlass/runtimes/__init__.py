"""From a plan to running programs. The only part of Windlass that starts processes.

A runtime makes workloads true and keeps them true; what a workload is, the plan alone decides.
"""
