"""``python -m sgd_doctor``."""

from sgd_doctor.cli import main

raise SystemExit(main())
