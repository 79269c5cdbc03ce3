"""`python -m jetlab` is the `jetlab` command."""

import sys

from jetlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
