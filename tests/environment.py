"""Loaded before Django's settings: the tests keep their files in a directory of their own."""

import atexit
import os
import shutil
import tempfile

_var = tempfile.mkdtemp(prefix="polyreward-tests-")
atexit.register(shutil.rmtree, _var, ignore_errors=True)
os.environ["POLYREWARD_VAR"] = _var
for _name in ("POLYREWARD_ARTIFACTS", "POLYREWARD_MODELS", "POLYREWARD_RUNS", "POLYREWARD_DEBUG"):
    os.environ.pop(_name, None)
