"""The C programs of the suite, compiled when first used: load and vendor must cost less than what they measure."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.processes import RESULTS, ROOT

_SOURCES = ROOT / "bench" / "native"
_COMPILERS = ("cc", "gcc", "clang")


class NoCompiler(RuntimeError):
    """The suite's load generator and fake vendor are written in C: a C compiler has to be on PATH (cc, gcc or clang)."""

    def __str__(self) -> str:
        return str(self.__doc__)


def program(name: str) -> Path:
    """The program made from `native/<name>.c`, newer than its source; raises NoCompiler, or RuntimeError with what it said."""
    source, made = _SOURCES / f"{name}.c", RESULTS / "bin" / name
    if made.exists() and made.stat().st_mtime >= source.stat().st_mtime:
        return made
    compiler = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if compiler is None:
        raise NoCompiler
    made.parent.mkdir(parents=True, exist_ok=True)
    unfinished = made.with_suffix(f".{os.getpid()}")  # nobody else may be compiling into the same file
    ended = subprocess.run([compiler, "-O2", "-o", unfinished, source], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{compiler} could not compile {source.relative_to(ROOT)}:\n{ended.stderr[-2000:]}")
    return unfinished.rename(made)
