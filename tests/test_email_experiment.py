import hashlib
import time

import needs
import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from casestudies import archives
from casestudies.archives import originals

NAME = "email_experiment_2008.csv"
KEYS = ["bought_men", "bought_women", "newbie", "channel", "area", "email"]
COLUMNS = [*KEYS, "visit", "conversion", "spend"]
# The experiment's own table: customers, visits, conversions and dollars a customer by e-mail.
PUBLISHED = pd.DataFrame(
    {
        "n": [21_307, 21_387, 21_306],
        "visit": [0.18276, 0.15140, 0.10617],
        "conversion": [0.01253, 0.00884, 0.00573],
        "spend": [1.42262, 1.07720, 0.65279],
    },
    index=["men", "women", "none"],
)


@pytest.fixture(scope="module")
def customers():
    return archives.email_experiment()


@pytest.fixture(scope="module")
def experiment():
    needs.original(NAME)
    return archives.email_experiment(original=True)


def by_email(customers):
    arms = customers.groupby("email")
    means = arms[["visit", "conversion", "spend"]].mean()
    return pd.concat([arms.size().rename("n"), means], axis=1).loc[PUBLISHED.index]


def cells_of(customers):
    """Compute the cell counts and moments again, from rows."""
    cells = customers.groupby(KEYS)
    made = cells.agg(
        n=("visit", "size"),
        visits=("visit", "sum"),
        conversions=("conversion", "sum"),
        spend_mean=("spend", "mean"),
    )
    made["spend_var"] = cells["spend"].var(ddof=0)
    return made.reset_index()


def in_order(cells):
    return cells.sort_values(KEYS).reset_index(drop=True)


def test_the_experiment_s_table_comes_out_to_the_printed_digit(customers):
    assert (by_email(customers).round(5) == PUBLISHED).all().all()


@pytest.mark.parametrize("seed", range(5))
def test_counts_and_moments_of_every_cell_are_the_experiment_s(seed):
    made, cells = cells_of(archives.email_experiment(rng=seed)), archives.email_experiment_cells()
    made, cells = in_order(made), in_order(cells)
    assert len(cells) == 162
    counts = [*KEYS, "n", "visits", "conversions"]
    pd.testing.assert_frame_equal(made[counts], cells[counts])
    for moment in ("spend_mean", "spend_var"):
        assert np.allclose(made[moment], cells[moment], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_spending_is_never_negative_and_zero_without_a_conversion(seed):
    customers = archives.email_experiment(rng=seed)
    assert (customers["spend"] >= 0).all()
    assert (customers.loc[customers["conversion"] == 0, "spend"] == 0).all()
    assert (customers.loc[customers["conversion"] == 1, "visit"] == 1).all()
    assert (customers.loc[customers["conversion"] == 1, "spend"] > 0).all()


def test_there_are_64_000_customers_in_plain_columns(customers):
    assert list(customers) == COLUMNS
    assert len(customers) == 64_000
    assert customers.index.equals(pd.RangeIndex(64_000))
    assert set(customers["email"]) == {"men", "women", "none"}
    assert set(customers["area"]) == {"rural", "suburban", "urban"}
    assert set(customers["channel"]) == {"multichannel", "phone", "web"}
    assert (customers["bought_men"] + customers["bought_women"] >= 1).all()
    kinds = {name: str(kind) for name, kind in customers.dtypes.items()}
    assert {kinds[name] for name in ("channel", "area", "email")} == {"str"}
    assert {kinds[name] for name in ("newbie", "visit", "conversion")} == {"int64"}
    assert kinds["spend"] == "float64"


def test_regressions_on_what_defines_the_cells_do_not_depend_on_the_seed():
    formula = "spend ~ C(email) * bought_women + newbie + C(channel)"
    fits = [smf.ols(formula, archives.email_experiment(rng=seed)).fit() for seed in (0, 1)]
    assert np.allclose(fits[0].params, fits[1].params, rtol=0, atol=1e-9)
    assert np.allclose(fits[0].bse, fits[1].bse, rtol=1e-8)


def test_the_rule_by_past_purchases_has_its_published_share_of_visits(customers):
    women_only = (customers["bought_women"] == 1) & (customers["bought_men"] == 0)
    rule = np.where(women_only, "women", "men")
    kept = customers[customers["email"] == rule]
    assert round(kept["visit"].mean(), 5) == 0.18423
    assert round(kept["visit"].sem(), 5) == 0.00265


def test_the_rows_come_in_random_order(customers):
    first = customers.head(8_000)
    for name in ("visit", "bought_men", "newbie"):
        share = customers[name].mean()
        assert abs(first[name].mean() - share) < 4 * np.sqrt(share * (1 - share) / 8_000)
    assert (customers["email"].head(40) != customers["email"].iloc[0]).any()


def test_the_same_seed_gives_the_same_customers(customers):
    pd.testing.assert_frame_equal(archives.email_experiment(), customers)
    again = archives.email_experiment(rng=np.random.default_rng(0))
    pd.testing.assert_frame_equal(again, customers)
    legacy = archives.email_experiment(rng=np.random.RandomState(3))
    assert legacy["spend"].sum() == pytest.approx(customers["spend"].sum())
    assert not archives.email_experiment(rng=1)["spend"].equals(customers["spend"])


def test_an_unusable_rng_is_refused():
    with pytest.raises(ValueError, match=r"rng must be an int of at least 0.*'zero'; give"):
        archives.email_experiment(rng="zero")


def test_the_customers_are_there_within_half_a_second():
    def seconds():  # of this process, so that a busy machine does not matter
        start = time.process_time()
        archives.email_experiment()
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.5


# The original file ---------------------------------------------------------------------------


def test_both_routes_agree_in_every_table_and_regression(customers, experiment):
    assert list(experiment)[:9] == COLUMNS
    assert list(experiment)[9:] == ["recency", "history_segment", "history"]
    pd.testing.assert_series_equal(experiment.dtypes[COLUMNS], customers.dtypes)
    assert (by_email(experiment).round(5) == PUBLISHED).all().all()
    pd.testing.assert_frame_equal(
        in_order(cells_of(experiment)), in_order(cells_of(customers)), rtol=1e-8, atol=1e-9
    )
    formula = "spend ~ C(email) + bought_women + newbie"
    fits = [smf.ols(formula, rows).fit() for rows in (customers, experiment)]
    assert np.allclose(fits[0].params, fits[1].params, rtol=1e-7, atol=1e-9)
    assert np.allclose(fits[0].bse, fits[1].bse, rtol=1e-8)


def test_the_cells_are_those_of_the_original_file(experiment):
    made, cells = in_order(cells_of(experiment)), in_order(archives.email_experiment_cells())
    assert np.allclose(made["spend_var"], cells["spend_var"], rtol=1e-8, atol=1e-9)
    pd.testing.assert_frame_equal(made.iloc[:, :9], cells.iloc[:, :9])


@pytest.mark.parametrize(
    ("folder", "looked"), [(None, "CASESTUDIES_DATA is unset"), ("empty", "it is not in .*empty")]
)
def test_without_the_file_the_error_says_how_to_get_it_and_nothing_is_fetched(
    monkeypatch, tmp_path, folder, looked
):
    monkeypatch.delenv("CASESTUDIES_DATA", raising=False)
    monkeypatch.setattr(originals, "_cache", lambda: pytest.fail("looks for a download"))
    if folder:
        monkeypatch.setenv("CASESTUDIES_DATA", str(tmp_path / folder))
    for words in (
        f"{looked}.* and it is not downloaded, as its author states no licence",
        f"save a copy of yours .* as {NAME} in a folder and set CASESTUDIES_DATA",
        "original=False gives synthetic rows with the same cell moments",
    ):
        with pytest.raises(FileNotFoundError, match=words):
            archives.email_experiment(original=True)


def test_another_version_of_the_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / NAME).write_bytes(b"another version")
    monkeypatch.setenv("CASESTUDIES_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"{NAME} has the SHA-256 .*; replace it by the file of"):
        archives.email_experiment(original=True)


def test_a_file_in_the_folder_is_read_and_its_columns_are_renamed(monkeypatch, tmp_path):
    content = (
        b"recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,"
        b"conversion,spend\n"
        b"10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,0,0,0.0\n"
        b"3,1) $0 - $100,29.99,0,1,Urban,1,Multichannel,No E-Mail,1,1,45.5\n"
    )
    (tmp_path / NAME).write_bytes(content)
    monkeypatch.setenv("CASESTUDIES_DATA", str(tmp_path))
    pinned = (None, hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(originals.ORIGINALS, NAME, pinned)
    rows = archives.email_experiment(original=True)
    assert rows[COLUMNS].to_dict("list") == {
        "bought_men": [1, 0],
        "bought_women": [0, 1],
        "newbie": [0, 1],
        "channel": ["phone", "multichannel"],
        "area": ["suburban", "urban"],
        "email": ["women", "none"],
        "visit": [0, 1],
        "conversion": [0, 1],
        "spend": [0.0, 45.5],
    }
    assert rows["recency"].tolist() == [10, 3]
