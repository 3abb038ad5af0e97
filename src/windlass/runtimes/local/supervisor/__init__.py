"""The process that keeps a state's networks running: `windlass run supervisor --state DIR`.

It reads what is wanted from the state's database and starts, watches, restarts and stops processes
until that is so; it decides nothing about what a node is. It may die at any moment: the processes
go on, and the next supervisor finds them again by pid and start time.
"""
