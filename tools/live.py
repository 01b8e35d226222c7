"""What a command is doing: one live line on a terminal, plain lines elsewhere."""

import os
import select
import shutil
import subprocess
import sys
import time


class Live:
    """A line that is rewritten on a terminal; elsewhere a plain line when there is news."""

    def __init__(self, out=None, patience=20):
        self.out, self.patience = out or sys.stdout, patience
        self.rewrites = self.out.isatty() and os.environ.get("TERM") != "dumb"
        self.text, self.said, self.begun = None, 0, 0

    def now(self, text, detail=""):
        """Say what is being done, how far it is, and for how many seconds already."""
        time_now = time.monotonic()
        news = text != self.text
        self.text, self.begun = text, time_now if news else self.begun
        line = f"{text} {detail}".rstrip() + ("" if news else f" {time_now - self.begun:.0f} s")
        if self.rewrites:
            self.out.write(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}")
        elif news or time_now - self.said >= self.patience:
            self.out.write(f"{line}\n")
            self.said = time_now
        self.out.flush()

    def keep(self, text):
        """Print a line that stays."""
        self.out.write(f"\r\033[K{text}\n" if self.rewrites else f"{text}\n")
        self.out.flush()


def follow(command, tell, cwd=None, patience=None):
    """Run a command and return its exit status and output.

    While it runs, `tell` is given the output so far, once a second and whenever there is more.
    It is ended if it says nothing for `patience` seconds.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "cwd": cwd}
    output, news = b"", time.monotonic()
    with subprocess.Popen(command, **options) as process:
        while True:
            ready, _, _ = select.select([process.stdout], [], [], 1)
            more = os.read(process.stdout.fileno(), 65536) if ready else None
            if more == b"":
                break
            if more:
                output, news = output + more, time.monotonic()
            elif patience and time.monotonic() - news > patience:
                process.kill()
                output += f"\nIt said nothing for {patience} s and was ended.\n".encode()
                break
            tell(output.decode(errors="replace"))
    return process.returncode, output.decode(errors="replace")
