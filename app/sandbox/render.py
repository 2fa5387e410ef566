"""The render process: `python -m app.sandbox.render` reads one task from stdin and makes its files.

It runs at low priority and is the only place that loads the media libraries. It prints the percentage done, a number per
line; other lines are error text. Exit 75 means that another process is making the same files.
"""

import json
import os
import sys
from pathlib import Path

from app.sandbox.locks import held, one_of
from app.sandbox.spec import Spec

ELSEWHERE = 75  # EX_TEMPFAIL
_NICE = 10


def main() -> int:
    """Makes every missing file of the task on stdin."""
    task = json.load(sys.stdin.buffer)
    spec, folder, upstream_id = Spec(**task["spec"]), Path(task["folder"]), str(task["id"])
    if hasattr(os, "nice"):
        os.nice(_NICE)
    slots = [folder / f".slot-{spec.kind}-{number}" for number in range(int(task["slots"]))]
    with one_of(slots):
        for index, name in enumerate(spec.file_names(upstream_id)):
            with held(folder / f".{name}.part") as ours:
                if not ours:
                    return ELSEWHERE
                if not _make(folder, name, spec, index, folder / f"{upstream_id}.cancelled"):
                    return 0
    return 0


def _make(folder: Path, name: str, spec: Spec, index: int, stop: Path) -> bool:
    """One file, under another name until it is whole; False when the job was cancelled meanwhile."""
    part, done = folder / f".{name}.part", folder / name
    if done.exists() or stop.exists():
        part.unlink(missing_ok=True)
        return not stop.exists()
    if spec.kind == "image":
        from app.sandbox.picture import write_picture

        write_picture(part, spec, index)
    else:
        from app.sandbox.clip import write_clip

        def keep_on(share: float) -> bool:
            sys.stdout.write(f"{int(100 * (index + share) / spec.n)}\n")
            sys.stdout.flush()
            return not stop.exists()

        if not write_clip(part, spec, index, keep_on):
            part.unlink(missing_ok=True)
            return False
    part.replace(done)
    return True


if __name__ == "__main__":
    sys.exit(main())
