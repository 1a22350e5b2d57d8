"""`python -m headstart_runtime`."""

import sys

from headstart_runtime.server.command import main

if __name__ == "__main__":  # a tool that reads docstrings loads this module too
    sys.exit(main())
