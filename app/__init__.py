"""Filmgate: every image and video generation model behind one OpenAI-compatible base URL."""

__version__ = "0.1.0"
