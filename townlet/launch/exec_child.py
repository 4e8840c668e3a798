"""Become another program that dies with `townlet up`: `python -m townlet.launch.exec_child PROGRAM ARGUMENT...`."""

import os
import sys

from townlet.launch.parent import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    os.execv(sys.argv[1], sys.argv[1:])
