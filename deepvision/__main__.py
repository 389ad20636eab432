"""`python -m deepvision COMMAND ...`."""

import sys

from deepvision.cli.app import main

sys.exit(main(sys.argv[1:]))
