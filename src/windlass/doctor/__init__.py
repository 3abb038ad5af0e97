"""Why a network makes no blocks or a node has no peers.

`gather` asks everything that knows something and never fails because something is broken; each
module of `causes` is a pure function from that evidence to findings; `diagnose` orders them so that
the root comes before what follows from it. Nothing here changes anything.
"""
