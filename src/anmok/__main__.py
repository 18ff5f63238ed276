"""`python -m anmok` is `anmok`."""

from anmok.cli import main

main()
