"""`python -m headstart_runtime`."""

import sys

from headstart_runtime.server.command import main

sys.exit(main())
