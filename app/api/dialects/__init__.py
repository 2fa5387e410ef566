"""How a job looks to each kind of client; pure functions from jobs to JSON."""
