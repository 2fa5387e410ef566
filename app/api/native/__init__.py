"""The APIs of vendors as their own clients speak them, served by any model."""
