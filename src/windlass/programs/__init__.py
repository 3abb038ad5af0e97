"""The network's own programs, a folder and a process each: `windlass run NAME`.

They are configured by a settings file, import nothing of one another and meet over HTTP. They may
not know: the spec, the vault, the plan, the runtime that started them.
"""
