"""The console: server-rendered pages for people, over the same engine and store as the APIs.

Pages only show; what they change, they change through the client and admin APIs, with a session in place of a key.
"""
