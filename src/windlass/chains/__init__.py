"""How to speak to a chain: a folder per wire. Nothing here decides what a network looks like."""
