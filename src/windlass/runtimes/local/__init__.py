"""Networks as supervised processes of this user on this machine: no root, no containers.

`operations` is what the command line calls. It writes what is wanted into the state, and a detached
`supervisor` makes it true; the two share nothing but the state's database and a control socket, so
either may die at any moment and be started again. Every process carries the state's directory in
its environment and is known by pid and start time, so nothing foreign is ever signalled.
"""
