"""The sandbox upstream: makes real pictures and clips on this machine, so that everything works without a vendor account.

`service.SandboxTransport` answers `sandbox://` requests inside the server process; every render is a process of its own
(`python -m app.sandbox.render`), which alone loads the media libraries.
"""
