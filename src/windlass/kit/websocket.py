"""A WebSocket client, wrapped so that callers see our own errors only."""
