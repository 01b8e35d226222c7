"""The original data files: from a folder of yours, else downloaded, always verified."""

import hashlib
import os
from pathlib import Path

import pandas as pd

__all__ = ["ORIGINALS", "original_path", "read_original"]

FOLDER = "CASESTUDIES_DATA"
GITHUB = "https://raw.githubusercontent.com"
ORIGINALS = {  # file name: where it lies, pinned to a commit, and the SHA-256 of its content;
    # no address where the author states no licence
    "card_krueger_1994.rda": (
        f"{GITHUB}/b-rodrigues/diffindiff/2bba0679cba46f9cec3513d81c2e46983583f925/data/njmin.rda",
        "e02fc4f024a63e1dfce6d625ed60ac68eb9f6b63a617755cae321620060d8eaa",
    ),
    "angrist_krueger_1991.rda": (
        f"{GITHUB}/jrnold/masteringmetrics/70472bdeee1cf4b4b959f5c7f5d54f9cdaba50bf/"
        "masteringmetrics/data/ak91.rda",
        "d0cd53a4831975e0d67fabc2f543016ffb452c4a7b418fda4d7cca5b8631c6e5",
    ),
    "email_experiment_2008.csv": (
        None,
        "27bab8c5d3669f26ec08ebb50a0a78317542f29501156f2e2af6781fab4cd7e2",
    ),
}


def read_original(name):
    """Read the one data frame that an original file holds.

    Parameters
    ----------
    name : str
        A key of ``ORIGINALS``.

    Returns
    -------
    pandas.DataFrame
        The frame as it is in the file.

    Raises
    ------
    FileNotFoundError
        If the file is not in the folder and may not or cannot be downloaded.
    ValueError
        If there is no such original, or the file's SHA-256 is not the pinned one.

    Examples
    --------
    >>> read_original("card_krueger_2000.rda")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: no original 'card_krueger_2000.rda'; there are ['angrist_krueger_1991.rda', ...]
    """
    path = original_path(name)
    if path.suffix == ".csv":
        return pd.read_csv(path)
    import pyreadr

    (frame,) = pyreadr.read_r(path).values()
    return frame


def original_path(name):
    """Return the path of a verified original file.

    The folder in the environment variable CASESTUDIES_DATA comes first; a file that is not
    there is downloaded once into the user's cache, from an address pinned to a commit. A file
    whose author states no licence is not downloaded.

    Parameters
    ----------
    name : str
        A key of ``ORIGINALS``.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileNotFoundError
        If the file is not in the folder and may not or cannot be downloaded.
    ValueError
        If there is no such original, or the file's SHA-256 is not the pinned one.

    Examples
    --------
    >>> sorted(ORIGINALS)
    ['angrist_krueger_1991.rda', 'card_krueger_1994.rda', 'email_experiment_2008.csv']
    """
    if name not in ORIGINALS:
        raise ValueError(f"no original {name!r}; there are {sorted(ORIGINALS)}")
    url, sha256 = ORIGINALS[name]
    folder = os.environ.get(FOLDER)
    if not folder or not Path(folder, name).is_file():
        return _downloaded(name, url, sha256, folder)
    path = Path(folder, name)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        mend = f"{url}, or unset {FOLDER} to have it downloaded" if url else "the file of that sum"
        raise ValueError(
            f"{path} has the SHA-256 {found}, expected {sha256}: it is another version or "
            f"incomplete; replace it by {mend}"
        )
    return path


def _downloaded(name, url, sha256, folder):
    looked = f"it is not in {folder}, the folder in {FOLDER}," if folder else f"{FOLDER} is unset"
    if url is None:
        raise FileNotFoundError(
            f"no original file {name!r}: {looked} and it is not downloaded, as its author states "
            f"no licence. To get it: save a copy of yours (SHA-256 {sha256}) as {name} in a folder "
            f"and set {FOLDER} to the folder. Without it, original=False gives synthetic rows with "
            "the same cell moments"
        )
    import pooch

    try:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=_cache()))
    except OSError as error:
        raise FileNotFoundError(
            f"no original file {name!r}: {looked} and the download failed ({error}). Two ways to "
            f"get it: connect to the network, and it is fetched from {url}; or save that file as "
            f"{name} in a folder and set {FOLDER} to the folder. Without it, original=False gives "
            "synthetic rows with the same cell moments"
        ) from error


def _cache():
    import pooch

    return pooch.os_cache("casestudies")
