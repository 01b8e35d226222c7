"""Install what a lock names and the casestudies package into .venv, once, and mend a broken .venv.

What was installed is remembered by content. A .venv whose installation was cut off, or whose
interpreter is gone, is made anew; one that is merely out of date is brought up to date, and what is
no longer required is uninstalled. It runs on the standard library alone, before all else.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from live import Live, follow

ROOT = Path(__file__).resolve().parent.parent
INPUTS = "requirements.txt", "requirements.lock", "pyproject.toml"
TEST_INPUTS = *INPUTS, "requirements-test.txt", "requirements-test.lock"
NO_PYTHON = "Python 3.11 or newer is needed; try: make PYTHON=python3.11"
NO_INSTALL = """Neither uv nor pip could install what the lock names: see above. It needs the
network, or a mirror that pip knows, and Python's venv (Debian: apt-get install python3-venv)."""


class Environment:
    """The virtual environment of a project folder."""

    def __init__(self, root, live, test=False):
        self.root, self.live, self.test = Path(root), live, test
        self.folder = self.root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / ".installed"
        self.lock = self.root / ("requirements-test.lock" if test else "requirements.lock")

    def wanted(self, test):
        """Return a digest of all that says what to install."""
        names = TEST_INPUTS if test else INPUTS
        content = b"".join((self.root / name).read_bytes() for name in names)
        return hashlib.sha256(content).hexdigest()

    def answers(self):
        """Say whether the interpreter is there and starts."""
        try:
            return subprocess.run([self.python, "-c", ""], check=False).returncode == 0
        except OSError:
            return False

    def is_ready(self):
        """Say whether everything is installed and works; what tests need beside it may be there."""
        enough = {self.wanted(test) for test in (self.test, True)}
        return self.stamp.exists() and self.stamp.read_text() in enough and self.answers()

    def make_ready(self):
        """Install what the lock names; start afresh where that fails or nothing whole is there."""
        was_whole = self.stamp.exists() and self.answers()
        self.stamp.unlink(missing_ok=True)
        if not (was_whole and self.sync()):
            shutil.rmtree(self.folder, ignore_errors=True)
            made = self.run("Making .venv", sys.executable, "-m", "venv", self.folder)
            if not (made and (self.sync() or self.install())):
                sys.exit(NO_INSTALL)
        self.set_up_kernel()
        self.stamp.write_text(self.wanted(self.test))

    def sync(self):
        """Let uv install what the lock names, compiled: else each import would compile first."""
        uv, what = self.uv(), f"Installing {self.lock.name} with uv (once, a minute or two)"
        if uv is None:
            return False
        here = ["--quiet", "--python", self.python]
        sync = ["sync", "--compile-bytecode", *here, self.lock]
        return self.run(what, uv, "pip", *sync) and self.run(
            "Installing the package", uv, "pip", "install", *here, "--no-deps", "-e", self.root
        )

    def install(self):
        """Let pip do it where uv cannot."""
        what = f"Installing {self.lock.name} with pip (once, some minutes)"
        return self.pip(what, "--require-hashes", "-r", self.lock) and self.pip(
            "Installing the package", "--no-deps", "--editable", self.root
        )

    def set_up_kernel(self):
        """Give notebooks one thread of linear algebra: on small matrices two are far slower."""
        names = ["--name", "python3", "--display-name", "Python 3 (ipykernel)"]
        threads = ["--env", "OPENBLAS_NUM_THREADS", "1"]
        kernel = [self.python, "-m", "ipykernel", "install", "--sys-prefix"]
        self.run("Setting up the kernel", *kernel, *names, *threads)

    def uv(self):
        """Return the path of uv: the one in .venv, yours, or the lock's; None if all fail."""
        own = self.folder / "bin" / "uv"
        if own.exists() or shutil.which("uv"):
            return own if own.exists() else shutil.which("uv")
        block = re.search(r"(?m)^uv==.*(\n {4}.*)*", self.lock.read_text())
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
            pinned.write(block.group() if block else "")
            pinned.flush()
            got = block and self.pip("Getting uv", "--require-hashes", "-r", pinned.name)
        return own if got else None

    def pip(self, what, *arguments):
        """Run pip's install command."""
        quiet = "--quiet", "--disable-pip-version-check"
        return self.run(what, self.python, "-m", "pip", "install", *quiet, *arguments)

    def run(self, what, *command):
        """Run a command behind the live line, show its output if it fails, and say how it went."""
        self.live.now(what)
        try:
            code, output = follow(list(map(str, command)), lambda _: self.live.now(what))
        except OSError as error:
            code, output = 1, str(error)
        if code:
            self.live.keep(f"{output}\n{what}: it did not work (see above)")
        return code == 0

    def write_locks(self, *options):
        """Write the lock anew (versions that still fit stay), and the one of the oldest."""
        uv, oldest = self.uv(), self.root / "requirements-floor.txt"
        if uv is None:
            sys.exit("uv is needed to write the lock: make book, then make lock again")
        compile = [uv, "pip", "compile", "--quiet", "--generate-hashes", "--no-header"]
        compile += ["--python-version", "3.11"]
        newest = [*options, "--universal", self.root / "requirements.txt"]
        lock, tested, spark = (
            self.root / f"requirements{name}.lock" for name in ("", "-test", "-spark")
        )
        tests = [*newest, self.root / "requirements-test.txt", "--constraint", lock]
        floor = ["--resolution", "lowest-direct", "--group", "floor", self.root / "pyproject.toml"]
        engines = [*options, "--universal", spark.with_suffix(".txt"), self.root / "pyproject.toml"]
        engines += ["--constraint", tested]
        wanted = [("Resolving", newest, lock), ("For tests", tests, tested)]
        wanted += [("With Spark", engines, spark)]
        for what, asked, file in [*wanted, ("The oldest", floor, oldest)]:
            if not self.run(what, *compile, *asked, "--output-file", file):
                sys.exit(1)
            lines = [line for line in file.read_text().splitlines() if "://" not in line]
            top = "# By `make lock`. Do not edit." if file == oldest else header(file)
            file.write_text("\n".join([top, *lines, ""]))


def header(lock):
    """Return the line of a lock that says which requirements it was made from."""
    lines, source = [], lock.with_suffix(".txt")
    for file in sorted({lock.with_name("requirements.txt"), source}):
        text = file.read_text(encoding="utf-8")
        lines += [re.sub(r"\s*(#.*)?$", "", line) for line in text.splitlines()]
    digest = hashlib.sha256("\n".join(filter(None, lines)).encode()).hexdigest()
    return f"# By `make lock`, from {source.name} with the digest {digest[:16]}. Do not edit."


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lock", action="store_true", help="write requirements.lock instead")
    parser.add_argument("--test", action="store_true", help="install what the tests need too")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions for it")
    return parser.parse_args(arguments)


def main(arguments=None, root=ROOT):
    """Install unless everything is there, or write the lock."""
    options = parse(arguments)
    environment = Environment(root, Live(), options.test)
    if options.lock:
        return environment.write_locks(*["--upgrade"] * options.upgrade)
    if environment.is_ready():
        return None
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(NO_PYTHON)
    lock = environment.lock
    if not lock.read_text().startswith(header(lock)):
        sys.exit(f"The requirements have changed since {lock.name} was made: run make lock")
    environment.make_ready()
    environment.live.keep(f"Installed {lock.name} into .venv")
    return None


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    main()
