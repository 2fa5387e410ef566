"""The HTTP side: thin endpoints over the engine."""
