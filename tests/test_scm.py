import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from casestudies.scm import SCM, Bernoulli, Deterministic, Mechanism, Normal, Uniform


@pytest.fixture
def linear():
    """Z -> X -> Y and Z -> Y, all Gaussian, with effect 2 of X on Y."""
    return SCM(
        {
            "z": Normal(),
            "x": Normal(lambda z: 0.5 * z, 2.0),
            "y": Normal(lambda x, z: 2.0 * x + 3.0 * z),
        }
    )


@pytest.fixture
def coin():
    """A fair treatment that raises a chance from 0.3 to 0.8."""
    return SCM({"a": Bernoulli(0.5), "y": Bernoulli(lambda a: 0.3 + 0.5 * a)})


def test_the_graph_is_read_off_the_parameter_names(linear):
    assert set(linear.graph.edges) == {("z", "x"), ("z", "y"), ("x", "y")}
    assert list(linear.graph) == ["z", "x", "y"]


def test_a_default_argument_is_a_constant_and_not_a_parent():
    model = SCM({"x": Normal(), "y": Normal(lambda x, slope=2.0: slope * x)})
    assert set(model.graph.edges) == {("x", "y")}


def test_parents_of_every_parameter_count():
    model = SCM({"m": Normal(), "s": Uniform(1, 2), "y": Normal(lambda m: m, lambda s: s)})
    assert set(model.graph.edges) == {("m", "y"), ("s", "y")}


def test_parents_are_drawn_before_children_and_columns_keep_the_given_order():
    model = SCM({"y": Deterministic(lambda x: 2 * x), "x": Normal()})
    data = model.sample(50, rng=0)
    assert list(data) == ["y", "x"]
    assert (data["y"] == 2 * data["x"]).all()


def test_seeing_has_the_gaussian_moments_of_the_equations(linear):
    data = linear.sample(200_000, rng=1)
    expected = pd.DataFrame(
        [[1, 0.5, 4.0], [0.5, 4.25, 10.0], [4.0, 10.0, 33.0]],
        index=list("zxy"),
        columns=list("zxy"),
    )
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)) + expected**2)
    assert (abs(data.cov() - expected) < 4 * spread / np.sqrt(200_000)).all(axis=None)
    assert (abs(data.mean()) < 4 * np.sqrt(np.diag(expected) / 200_000)).all()


def test_doing_deletes_the_equation_and_keeps_the_others(linear):
    forced = linear.do(x=1.5)
    assert set(forced.graph.edges) == {("z", "y"), ("x", "y")}
    assert set(linear.graph.edges) == {("z", "x"), ("z", "y"), ("x", "y")}
    data = forced.sample(100_000, rng=2)
    assert (data["x"] == 1.5).all()
    assert abs(data["y"].mean() - 3.0) < 4 * np.sqrt(10 / 100_000)
    assert abs(data["y"].var() - 10) < 4 * 10 * np.sqrt(2 / 100_000)


def test_seeing_is_not_doing(linear):
    seen = linear.sample(200_000, rng=3)
    slope = seen["x"].cov(seen["y"]) / seen["x"].var()
    assert abs(slope - 10 / 4.25) < 0.02
    effect = linear.effect("y", n=1_000, rng=3, x=(1, 0))
    assert effect["estimate"] == pytest.approx(2.0)
    assert effect["std_error"] < 1e-12  # the same noise in both arms


def test_a_policy_may_be_a_function_or_a_distribution(coin, linear):
    policy = linear.do(x=lambda z: z > 0)
    data = policy.sample(1_000, rng=4)
    assert set(policy.graph.predecessors("x")) == {"z"}
    assert (data["x"] == (data["z"] > 0).astype(int)).all()
    assert data["x"].dtype.kind == "i"
    risk = coin.do(a=Bernoulli(0.2)).sample(100_000, rng=5)["y"].mean()
    assert abs(risk - 0.4) < 4 * np.sqrt(0.24 / 100_000)


def test_bernoulli_and_uniform_have_their_means_and_variances():
    model = SCM({"u": Uniform(2, 5), "b": Bernoulli(0.3), "c": Bernoulli(0.8)})
    data = model.sample(200_000, rng=6)
    assert abs(data["u"].mean() - 3.5) < 4 * np.sqrt(0.75 / 200_000)
    assert data["u"].between(2, 5).all()
    assert abs(data["u"].var() - 0.75) < 0.01
    assert abs(data["b"].mean() - 0.3) < 4 * np.sqrt(0.21 / 200_000)
    assert abs(data["c"].mean() - 0.8) < 4 * np.sqrt(0.16 / 200_000)


@pytest.mark.parametrize("seed", [0, 42, 2026])
def test_the_legacy_stream_is_reproduced_bit_for_bit(seed):
    model = SCM(
        {
            "x": Normal(1.0, 2.0),
            "a": Bernoulli(lambda x: expit(1.5 * x)),
            "b": Bernoulli(0.3),
            "half": Bernoulli(0.5),
            "c": Bernoulli(lambda a: 0.9 - 0.85 * a),
            "y": Normal(lambda a, x: a - x, 0.5),
        }
    )
    data = model.sample(10_000, rng=np.random.RandomState(seed))
    legacy = np.random.RandomState(seed)
    x = legacy.normal(1.0, 2.0, 10_000)
    a = legacy.binomial(1, expit(1.5 * x))
    b = legacy.binomial(1, 0.3, 10_000)
    half = legacy.binomial(1, 0.5, 10_000)
    c = legacy.binomial(1, 0.9 - 0.85 * a)
    y = legacy.normal(a - x, 0.5)
    for name, column in {"x": x, "a": a, "b": b, "half": half, "c": c, "y": y}.items():
        assert np.array_equal(data[name], column), name


def test_a_generator_draws_uniform_noise_and_gives_a_one_where_it_is_at_most_p():
    data = SCM({"u": Uniform(), "b": Bernoulli(0.3)}).sample(1_000, rng=3)
    noise = np.random.default_rng(3).random((2, 1_000))
    assert np.array_equal(data["u"], noise[0])
    assert np.array_equal(data["b"], noise[1] <= 0.3)
    assert Bernoulli(0.5).value(np.array([0.4, 0.5, 0.6]), p=0.5).tolist() == [1, 1, 0]
    assert Bernoulli(1).value(np.array([1.0]), p=1) == 1  # who had 0 by the utmost noise


def test_a_seed_and_a_generator_with_that_seed_give_the_same_rows(coin):
    by_seed = coin.sample(100, rng=7)
    pd.testing.assert_frame_equal(by_seed, coin.sample(100, rng=np.random.default_rng(7)))
    assert not by_seed.equals(coin.sample(100, rng=8))


def test_imagining_the_action_that_was_taken_changes_nothing(linear):
    rows = linear.sample(100, rng=9)
    pd.testing.assert_frame_equal(linear.imagine(rows, rng=0), rows)
    same = linear.imagine(rows.head(1), x=rows["x"].iloc[0], rng=0)
    pd.testing.assert_frame_equal(same, rows.head(1))


def test_imagining_keeps_the_noise_of_each_gaussian_unit(linear):
    rows = linear.sample(100, rng=10).set_index(np.arange(100, 200))
    imagined = linear.imagine(rows, x=0.0, rng=0)
    assert np.allclose(imagined["y"], rows["y"] - 2.0 * rows["x"])
    assert (imagined["z"] == rows["z"]).all()
    assert (imagined.index == rows.index).all()


@pytest.mark.parametrize(
    ("mechanism", "untreated", "treated"),
    [
        (Uniform(lambda a: a, lambda a: 3 + 2 * a), [1.5, 0.0, 3.0], [3.0, 1.0, 5.0]),
        (Normal(lambda a: 5 * a, lambda a: 1 + 2 * a), [2.0, -1.0], [11.0, 2.0]),
    ],
    ids=["uniform", "normal"],
)
def test_imagining_a_unit_keeps_its_rank(mechanism, untreated, treated):
    a = np.repeat([0, 1], len(treated))
    rows = pd.DataFrame({"a": a, "y": [*untreated, *treated]})
    imagined = SCM({"a": Bernoulli(0.5), "y": mechanism}).imagine(rows, a=lambda: 1 - a, rng=0)
    assert imagined["y"].tolist() == pytest.approx([*treated, *untreated])


def test_imagined_shares_are_the_closed_form_counterfactual_probabilities(coin):
    """With 1 where u <= p: of those with a = 1 and y = 1, a share 0.3/0.8 keeps y under a = 0."""
    rows = coin.sample(200_000, rng=11)
    imagined = coin.imagine(rows, a=0, rng=12)
    treated = rows["a"] == 1
    kept = imagined["y"][treated & (rows["y"] == 1)]
    assert abs(kept.mean() - 0.375) < 4 * np.sqrt(0.375 * 0.625 / len(kept))
    assert (imagined["y"][treated & (rows["y"] == 0)] == 0).all()  # what helps cannot have hurt
    untreated = rows["a"] == 0
    assert (imagined["y"][untreated] == rows["y"][untreated]).all()
    assert abs(imagined["y"].mean() - 0.3) < 4 * np.sqrt(0.21 / 200_000)
    raised = coin.imagine(rows, a=1, rng=13)["y"][untreated & (rows["y"] == 0)]
    assert abs(raised.mean() - 0.5 / 0.7) < 4 * np.sqrt(0.21 / len(raised))


def test_the_effect_is_the_closed_form_with_its_error(coin):
    effect = coin.effect("y", n=100_000, rng=14, a=(1, 0))
    error = np.sqrt(0.5 * 0.5 / 100_000)  # a gap of 1 with probability 0.5, else 0
    assert effect["std_error"] == pytest.approx(error, rel=0.01)
    assert abs(effect["estimate"] - 0.5) < 4 * error
    assert effect["ci_high"] - effect["ci_low"] == pytest.approx(2 * 1.96 * error, rel=0.01)
    assert effect["n"] == 100_000
    reversed_ = coin.effect("y", n=100_000, rng=14, a=(0, 1))
    assert reversed_["estimate"] == -effect["estimate"]


def test_two_actions_can_be_contrasted_at_once(linear):
    assert linear.effect("y", n=10, rng=0, x=(1, 0), z=(2, 0))["estimate"] == pytest.approx(8.0)


def test_a_mechanism_of_your_own_has_three_methods():
    class Exponential(Mechanism):
        def __init__(self, mean):
            super().__init__(mean=mean)

        def noise(self, n, rng, mean):
            return rng.standard_exponential(n)

        def value(self, noise, mean):
            return mean * noise

        def abduct(self, value, rng, mean):
            return value / mean

    model = SCM({"a": Bernoulli(0.5), "wait": Exponential(lambda a: 1.0 + a)})
    rows = model.sample(1_000, rng=15)
    imagined = model.imagine(rows, a=1, rng=0)
    assert np.allclose(imagined["wait"], rows["wait"] * 2 / (1 + rows["a"]))


@pytest.mark.parametrize(
    ("mechanisms", "message"),
    [
        ({"x": Normal(lambda talant: talant), "talent": Normal()}, "did you mean 'talent'"),
        ({"y": Normal(lambda qqq: qqq)}, r"no variable 'qqq', a parent of 'y'; it has \['y'\]"),
        ({"a": Normal(lambda b: b), "b": Normal(lambda a: a)}, "cycle .*; remove one"),
        ({"a": Normal(lambda a: a)}, "cycle a -> a; remove"),
        ({"a": 3.0}, "variable 'a' is 3.0; make it a Mechanism"),
    ],
)
def test_a_wrong_model_is_refused_by_name(mechanisms, message):
    with pytest.raises(ValueError, match=message):
        SCM(mechanisms)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        (Bernoulli(1.2), r"variable 'v': p must lie between 0 and 1, got 1\.2"),
        (Bernoulli(-0.1), r"p must lie between 0 and 1, got -0\.1"),
        (Normal(0, 0), r"variable 'v': sd must be above 0 .*got 0"),
        (Uniform(2, 1), "variable 'v': low must lie below high, got 2"),
        (Uniform(1, 1), "variable 'v': low must lie below high, got 1"),
    ],
)
def test_impossible_parameters_are_refused_by_name(mechanism, message):
    with pytest.raises(ValueError, match=message):
        SCM({"v": mechanism}).sample(5, rng=0)


def test_wrong_requests_are_refused_by_name(coin):
    rows = coin.sample(5, rng=0)
    with pytest.raises(ValueError, match="no variable 'b', named in the action"):
        coin.do(b=1)
    with pytest.raises(ValueError, match="no variable 'z', the outcome"):
        coin.effect("z", n=10, rng=0, a=(1, 0))
    with pytest.raises(ValueError, match=r"'a' needs a pair such as a=\(1, 0\), got 1"):
        coin.effect("y", n=10, rng=0, a=1)
    for n in (0, -3, 2.5):
        with pytest.raises(ValueError, match=f"n must be a whole number of at least 1, got {n}"):
            coin.sample(n, rng=0)
    with pytest.raises(ValueError, match="rng must be an int, a Generator or a RandomState"):
        coin.sample(5, rng=None)
    with pytest.raises(ValueError, match="rows have no column 'y'"):
        coin.imagine(rows[["a"]], a=1, rng=0)
    with pytest.raises(ValueError, match="column 'y' of rows has missing values"):
        coin.imagine(rows.assign(y=np.nan), a=1, rng=0)


def test_rows_that_the_model_cannot_have_made_are_refused():
    model = SCM(
        {
            "a": Bernoulli(0.5),
            "never": Bernoulli(lambda a: 0.0 * a),
            "always": Bernoulli(1),
            "u": Uniform(),
            "d": Deterministic(lambda a: 2 * a),
        }
    )
    row = pd.DataFrame({"a": [1], "never": [0], "always": [1], "u": [0.5], "d": [2]})
    model.imagine(row, a=0, rng=0)
    with pytest.raises(ValueError, match="variable 'a': a Bernoulli variable is 0 or 1, got 3"):
        model.imagine(row.assign(a=3), a=0, rng=0)
    with pytest.raises(ValueError, match="variable 'never': this value has probability 0, got 1"):
        model.imagine(row.assign(never=1), a=0, rng=0)
    with pytest.raises(ValueError, match="variable 'always': this value has probability 0, got 0"):
        model.imagine(row.assign(always=0), a=0, rng=0)
    with pytest.raises(ValueError, match="variable 'u': the value must lie in"):
        model.imagine(row.assign(u=1.5), a=0, rng=0)
    with pytest.raises(ValueError, match="variable 'd': the function does not give this value"):
        model.imagine(row.assign(d=1), a=0, rng=0)


def test_the_rows_given_to_imagine_are_left_alone(coin):
    rows = coin.sample(20, rng=1)
    before = rows.copy()
    coin.imagine(rows, a=1, rng=0)
    pd.testing.assert_frame_equal(rows, before)
