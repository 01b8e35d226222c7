"""What is installed is what the lock names, and a broken environment is mended."""

import io
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import set_up
from live import Live

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
SYNC = "Installing requirements.lock with uv (once, a minute or two)"
PIP = "Installing requirements.lock with pip (once, some minutes)"
PACKAGE = "Installing the package"
FLOOR = "requirements-floor.txt"
KERNEL = "Setting up the kernel"
AFRESH = ["Making .venv", "Getting uv"]


class Recorded(set_up.Environment):
    """An environment that installs nothing: it notes the commands and lets some of them fail."""

    def __init__(self, root, fail=(), test=False):
        super().__init__(root, Live(io.StringIO()), test)
        self.fail, self.ran, self.read = fail, {}, ""

    def run(self, what, *command):
        self.ran[what] = [str(word) for word in command]
        if what == "Getting uv":
            self.read = Path(command[-1]).read_text(encoding="utf-8")
        if what not in self.fail and what in AFRESH:
            bin = self.folder / "bin"
            bin.mkdir(parents=True, exist_ok=True)
            (bin / "python").unlink(missing_ok=True)
            os.symlink(sys.executable, bin / "python")
        if what not in self.fail and what == "Getting uv":
            (bin / "uv").touch()
        return what not in self.fail


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for name in [*set_up.TEST_INPUTS, "requirements-spark.txt"]:
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    for lock in tmp_path.glob("*.lock"):
        text = f"{set_up.header(lock)}\na==1 \\\n    --hash=sha256:0\n{UV}    # via r\nz==2\n"
        lock.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def whole(root):
    environment = Recorded(root)
    environment.make_ready()
    return Recorded(root)


def test_a_new_environment_gets_the_locks_uv_by_hash_and_all_else_from_uv(root):
    environment = Recorded(root)
    assert not environment.is_ready()
    environment.make_ready()
    assert list(environment.ran) == [*AFRESH, SYNC, PACKAGE, KERNEL]
    assert environment.ran["Making .venv"] == [sys.executable, "-m", "venv", str(root / ".venv")]
    assert environment.read == f"{UV}    # via r"
    quiet = ["--quiet", "--disable-pip-version-check"]
    assert environment.ran["Getting uv"][1:-3] == ["-m", "pip", "install", *quiet]
    assert environment.ran["Getting uv"][-3:-1] == ["--require-hashes", "-r"]
    uv, python = (str(root / ".venv" / "bin" / name) for name in ("uv", "python"))
    here = ["--quiet", "--python", python]
    sync = [uv, "pip", "sync", "--compile-bytecode"]
    assert environment.ran[SYNC] == [*sync, *here, str(root / "requirements.lock")]
    assert environment.ran[PACKAGE] == [uv, "pip", "install", *here, "--no-deps", "-e", str(root)]
    kernel = [python, "-m", "ipykernel", "install", "--sys-prefix", "--name", "python3"]
    assert environment.ran[KERNEL][:7] == kernel
    assert environment.ran[KERNEL][-3:] == ["--env", "OPENBLAS_NUM_THREADS", "1"]
    assert environment.is_ready()


def test_a_uv_of_ones_own_is_used_and_the_one_in_the_environment_before_it(root, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/mine/{name}")
    environment = Recorded(root)
    assert environment.uv() == "/mine/uv"
    own = root / ".venv" / "bin" / "uv"
    own.parent.mkdir(parents=True)
    own.touch()
    assert environment.uv() == own


@pytest.mark.parametrize("failing", ["Getting uv", SYNC, PACKAGE])
def test_pip_installs_by_hash_where_uv_cannot(root, failing):
    environment = Recorded(root, fail=[failing] if failing != PACKAGE else [SYNC])
    environment.make_ready()
    assert list(environment.ran)[-3:] == [PIP, PACKAGE, KERNEL]
    lock = str(root / "requirements.lock")
    assert environment.ran[PIP][-3:] == ["--require-hashes", "-r", lock]
    assert environment.ran[PACKAGE][-3:] == ["--no-deps", "--editable", str(root)]
    assert environment.is_ready()


def test_a_lock_without_uv_leaves_it_to_pip(root):
    lock = root / "requirements.lock"
    lock.write_text(lock.read_text().replace(UV, ""))
    environment = Recorded(root)
    environment.make_ready()
    assert list(environment.ran) == ["Making .venv", PIP, PACKAGE, KERNEL]


@pytest.mark.parametrize("fail", [["Making .venv"], [SYNC, PIP], [PACKAGE]])
def test_what_cannot_be_installed_says_what_it_needs_and_is_not_taken_for_ready(root, fail):
    environment = Recorded(root, fail)
    with pytest.raises(SystemExit, match=r"^Neither uv nor pip[\s\S]*python3-venv\)\.$"):
        environment.make_ready()
    assert not environment.is_ready()


@pytest.mark.parametrize("name", set_up.INPUTS)
def test_a_change_of_content_is_noticed_whatever_the_date_and_brought_up_to_date(whole, name):
    assert whole.is_ready()
    (whole.root / name).write_text("z==3\n", encoding="utf-8")
    os.utime(whole.root / name, (0, 0))
    assert not whole.is_ready()
    whole.make_ready()
    assert list(whole.ran) == [SYNC, PACKAGE, KERNEL]
    assert whole.is_ready()


@pytest.mark.parametrize("name", set_up.TEST_INPUTS[3:])
def test_what_tests_need_matters_to_tests_only(whole, name):
    testing = Recorded(whole.root, test=True)
    assert not testing.is_ready()
    testing.make_ready()
    sync = SYNC.replace("requirements", "requirements-test")
    assert list(testing.ran) == [sync, PACKAGE, KERNEL]
    assert testing.ran[sync][-1] == str(whole.root / "requirements-test.lock")
    assert testing.is_ready()
    assert whole.is_ready()  # more than enough for the book
    (whole.root / name).write_text("z==3\n", encoding="utf-8")
    assert not testing.is_ready()


def test_an_environment_that_cannot_be_brought_up_to_date_is_made_anew(whole):
    whole.fail = [SYNC]
    whole.make_ready()
    assert list(whole.ran) == [SYNC, *AFRESH, PIP, PACKAGE, KERNEL]


@pytest.mark.parametrize("broken", ["cut off", "dangling", "ill"])
def test_a_broken_environment_is_made_anew(whole, broken):
    if broken == "cut off":
        whole.stamp.unlink()
    else:
        whole.python.unlink()
    if broken == "dangling":
        os.symlink(whole.root / "nowhere", whole.python)
    if broken == "ill":
        whole.python.write_text("#!/bin/sh\nexit 1\n")
        whole.python.chmod(0o755)
    assert not whole.is_ready()
    left = whole.folder / "left"
    left.touch()
    whole.make_ready()
    assert list(whole.ran) == [*AFRESH, SYNC, PACKAGE, KERNEL]
    assert not left.exists()
    assert whole.is_ready()


def test_an_installation_that_is_cut_off_is_not_taken_for_whole(whole, monkeypatch):
    def interrupted(what, *command):
        raise KeyboardInterrupt

    monkeypatch.setattr(whole, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        whole.make_ready()
    assert not whole.is_ready()
    again = Recorded(whole.root)
    again.make_ready()
    assert list(again.ran) == [*AFRESH, SYNC, PACKAGE, KERNEL]


def test_a_command_that_fails_shows_its_output(root):
    environment = set_up.Environment(root, Live(io.StringIO()))
    assert environment.run("Thinking", sys.executable, "-c", "print('not shown')")
    assert not environment.run("Trying", sys.executable, "-c", "print('why'); raise SystemExit(3)")
    assert not environment.run("Looking", root / "nowhere")
    said = environment.live.out.getvalue()
    assert said.startswith("Thinking\nTrying\nwhy\n\nTrying: it did not work")
    assert "No such file" in said
    assert "not shown" not in said


def test_the_locks_name_no_host_and_the_requirements_that_they_were_made_from(root, monkeypatch):
    environment = Recorded(root)

    def compiled(what, *command):
        environment.ran[what] = command
        text = "--index-url https://somewhere/simple\na==2 \\\n    --hash=sha256:1\n"
        Path(command[-1]).write_text(text, encoding="utf-8")
        return True

    monkeypatch.setattr(environment, "uv", lambda: "uv")
    monkeypatch.setattr(environment, "run", compiled)
    environment.write_locks("--upgrade")
    newest, tests = environment.ran["Resolving"], environment.ran["For tests"]
    oldest = environment.ran["The oldest"]
    assert newest[:4] == tests[:4] == oldest[:4] == ("uv", "pip", "compile", "--quiet")
    spark = environment.ran["With Spark"]
    asked = {"--generate-hashes", "--no-header", "--python-version"}
    new = asked | {"--universal", "--upgrade", root / "requirements.txt"}
    assert new < set(newest)
    assert new | {root / "requirements-test.txt"} < set(tests)
    assert tests[-4:-2] == ("--constraint", root / "requirements.lock")
    assert asked | {"--universal", root / "requirements-spark.txt"} < set(spark)
    assert spark[-5:-2] == (
        root / "pyproject.toml",
        "--constraint",
        root / "requirements-test.lock",
    )
    assert asked | {"lowest-direct", "floor", root / "pyproject.toml"} < set(oldest)
    locks = ["requirements.lock", "requirements-test.lock", "requirements-spark.lock"]
    for name, top in [*((lock, set_up.header(root / lock)) for lock in locks), (FLOOR, None)]:
        first, *lines = (root / name).read_text().splitlines()
        assert first == (top or "# By `make lock`. Do not edit.")
        assert lines == ["a==2 \\", "    --hash=sha256:1"]


@pytest.mark.parametrize("fail", ["Getting uv", "Resolving"])
def test_a_lock_that_cannot_be_made_is_left_as_it_was(root, fail):
    environment = Recorded(root, fail=[fail])
    before = environment.lock.read_text()
    with pytest.raises(SystemExit):
        environment.write_locks()
    assert environment.lock.read_text() == before


def test_the_oldest_libraries_are_those_that_the_package_declares():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floor = (ROOT / "requirements-floor.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"(?m)^([\w.-]+)==([\d.]+)", floor))
    for declared in settings["project"]["dependencies"]:
        name, lowest = declared.split(">=")
        assert f"{pins[name]}.".startswith(f"{lowest}."), "run make lock"
    assert "://" not in floor


@pytest.mark.parametrize("changed", ["requirements", "requirements-test"])
def test_a_comment_in_the_requirements_needs_no_new_lock_and_a_requirement_does(root, changed):
    requirements, lock = root / f"{changed}.txt", root / "requirements-test.lock"
    requirements.write_text("a==1\nb==2; python_version < '3.13'\n")
    before = set_up.header(lock)
    requirements.write_text("# Why\na==1   # because\n\nb==2; python_version < '3.13'\n")
    assert set_up.header(lock) == before
    requirements.write_text("a==1\nb==2; python_version < '3.14'\n")
    assert set_up.header(lock) != before


@pytest.fixture
def recorded(root, monkeypatch):
    environment = Recorded(root)
    monkeypatch.setattr(set_up, "Environment", lambda root, live, test: environment)
    return environment


def test_the_command_installs_once(recorded, capsys):
    set_up.main([], recorded.root)
    assert recorded.is_ready()
    recorded.ran.clear()
    set_up.main([], recorded.root)
    assert not recorded.ran


def test_the_command_asks_for_a_new_lock_after_a_change_and_writes_it(recorded, monkeypatch):
    (recorded.root / "requirements.txt").write_text("other==1\n")
    with pytest.raises(SystemExit, match=r"changed since requirements\.lock .* run make lock$"):
        set_up.main([], recorded.root)
    assert not recorded.ran
    asked = []
    monkeypatch.setattr(recorded, "write_locks", lambda *options: asked.append(options))
    set_up.main(["--lock"], recorded.root)
    set_up.main(["--lock", "--upgrade"], recorded.root)
    assert asked == [(), ("--upgrade",)]


def test_an_old_python_is_refused_with_a_remedy_unless_all_is_installed(recorded, monkeypatch):
    monkeypatch.setattr(set_up.sys, "version_info", (3, 10, 13))
    with pytest.raises(SystemExit, match=r"3\.11 or newer is needed; try: make PYTHON=python3\.11"):
        set_up.main([], recorded.root)
    monkeypatch.undo()
    set_up.Environment.make_ready(recorded)
    monkeypatch.setattr(set_up.sys, "version_info", (3, 10, 13))
    set_up.main([], recorded.root)


@pytest.mark.parametrize(
    ("name", "least"),
    [("requirements", 101), ("requirements-test", 101), ("requirements-spark", 40)],
)
def test_the_projects_locks_are_up_to_date_and_pin_everything_by_hash(name, least):
    lock = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    assert lock.startswith(set_up.header(ROOT / f"{name}.lock")), "run make lock"
    assert "://" not in lock
    pins = re.findall(r"(?m)^([\w.-]+)==.*((?:\n {4}--hash=sha256:[0-9a-f]{64}(?: \\)?)*)", lock)
    assert len(pins) >= least
    assert all(hashes for _, hashes in pins)
    lines = (ROOT / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    named = {re.match(r"[\w-]+", line).group() for line in lines if re.match(r"\w", line)}
    assert named <= {name for name, _ in pins}


def test_what_the_book_installs_the_tests_install_in_the_same_version():
    book, tests = (
        set(re.findall(r"(?m)^[\w.-]+==\S+", (ROOT / name).read_text(encoding="utf-8")))
        for name in ("requirements.lock", "requirements-test.lock")
    )
    assert book < tests


def test_what_the_engines_share_with_the_tests_has_the_same_version():
    tests, spark = (
        dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8")))
        for name in ("requirements-test.lock", "requirements-spark.lock")
    )
    assert {"ibis-framework", "duckdb", "polars", "pandas"} < set(tests) & set(spark)
    assert all(tests[name] == spark[name] for name in set(tests) & set(spark))
    assert "pyspark" not in tests


def test_the_file_can_be_read_by_the_python_that_it_refuses():
    for name in ("set_up", "live"):
        code = (ROOT / "tools" / f"{name}.py").read_text(encoding="utf-8")
        compile(code, name, "exec", flags=0x400, _feature_version=7)  # ast.PyCF_ONLY_AST
