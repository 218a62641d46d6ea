"""Makes the package importable from here, as an installed one is."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(FOLDER))
