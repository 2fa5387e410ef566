"""The performance suite: a fake vendor, a load generator, and a bare pass-through to compare the gateway with."""
