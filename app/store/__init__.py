"""Everything that is kept: jobs, keys, channels and what was learned, on SQLite or PostgreSQL. All SQL is here."""
