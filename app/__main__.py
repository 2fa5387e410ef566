"""`python -m app` is `filmgate`."""

from app.cli import main

if __name__ == "__main__":  # worker processes import this module too
    main()
