"""The backdoor criterion against an implementation that shares no code with it."""

import inspect
from itertools import chain, combinations, pairwise, permutations

import networkx as nx
import numpy as np
import pytest

from casestudies.identify import adjustment_sets, backdoor, paths
from casestudies.scm import SCM, Normal

M_BIAS = [("U1", "A"), ("U1", "M"), ("U2", "M"), ("U2", "Y"), ("A", "Y")]
BUTTERFLY = [*M_BIAS, ("M", "A"), ("M", "Y")]
MEDIATOR = [("X", "A"), ("X", "Y"), ("A", "M"), ("M", "Y"), ("A", "Y")]
INSTRUMENT = [("Z", "A"), ("U", "A"), ("U", "Y"), ("A", "Y")]
FRONT_DOOR = [("U", "A"), ("U", "Y"), ("A", "M"), ("M", "Y")]
AY = {"treatment": "A", "outcome": "Y"}


# The independent implementation: a graph is a dict from each variable to its parents.


def ancestral(parents, names):
    found = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(parents[name])
    return found


def offspring(parents, name):
    return {other for other in parents if other != name and name in ancestral(parents, [other])}


def moral_separation(parents, start, end, given):
    """Separation in the moral graph of the ancestors (Lauritzen et al. 1990)."""
    kept = ancestral(parents, {start, end, *given})
    links = {
        frozenset(pair)
        for child in kept
        for pair in combinations([child, *(p for p in parents[child] if p in kept)], 2)
    }
    reached, stack = set(), [start]
    while stack:
        name = stack.pop()
        if name not in reached and name not in given:
            reached.add(name)
            stack.extend(other for link in links if name in link for other in link)
    return end not in reached


def criterion(parents, treatment, outcome, given):
    """Pearl's two conditions, on the graph without the treatment's outgoing arrows."""
    cut = {name: [p for p in parents[name] if p != treatment] for name in parents}
    no_descendant = not offspring(parents, treatment) & set(given)
    return no_descendant and moral_separation(cut, treatment, outcome, given)


def listed_paths(parents, treatment, outcome):
    """Every simple path, by trying each order of each choice of inner variables."""
    others = [name for name in parents if name not in (treatment, outcome)]
    inner = chain.from_iterable(permutations(others, size) for size in range(len(others) + 1))
    for middle in inner:
        path = [treatment, *middle, outcome]
        if all(a in parents[b] or b in parents[a] for a, b in pairwise(path)):
            yield path


def colliders(parents, path):
    triples = zip(path, path[1:], path[2:], strict=False)
    return {b for a, b, c in triples if a in parents[b] and c in parents[b]}


def is_open(parents, path, given):
    meeting = colliders(parents, path)
    chained = set(path[1:-1]) - meeting
    return not chained & set(given) and meeting <= ancestral(parents, given)


def written(parents, path):
    text = path[0]
    for here, there in pairwise(path):
        text += f" -> {there}" if here in parents[there] else f" <- {there}"
    return text


def random_parents(rng):
    """A graph of 4 to 7 variables whose names say nothing about their order."""
    names = [str(name) for name in rng.permutation(list("ABCDEFG")[: rng.integers(4, 8)])]
    density = rng.uniform(0.2, 0.7)
    return {
        name: [before for before in names[:place] if rng.random() < density]
        for place, name in enumerate(names)
    }


def random_questions(count, seed):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        parents = random_parents(rng)
        treatment, outcome = (str(name) for name in rng.choice(list(parents), 2, replace=False))
        yield parents, treatment, outcome, rng


def digraph(parents):
    graph = nx.DiGraph()
    graph.add_nodes_from(parents)
    graph.add_edges_from((parent, child) for child in parents for parent in parents[child])
    return graph


def subsets(names):
    names = sorted(names)
    return chain.from_iterable(combinations(names, size) for size in range(len(names) + 1))


def test_every_subset_of_300_random_graphs_is_judged_as_the_moral_graph_judges_it():
    counts = {True: 0, False: 0}
    for parents, treatment, outcome, _ in random_questions(300, seed=1):
        graph = digraph(parents)
        for given in subsets(set(parents) - {treatment, outcome}):
            verdict = backdoor(graph, treatment=treatment, outcome=outcome, adjust_for=given)
            assert verdict.valid == criterion(parents, treatment, outcome, given)
            assert bool(verdict) == verdict.valid
            descendants = offspring(parents, treatment)
            assert verdict.descendants == tuple(sorted(descendants & set(given)))
            assert verdict.has_effect == (outcome in descendants)
            counts[verdict.valid] += 1
    assert min(counts.values()) > 500  # both verdicts are common, so neither is right by default


def test_open_paths_and_opened_colliders_are_those_found_by_trying_every_order_of_variables():
    seen = set()
    for parents, treatment, outcome, _ in random_questions(200, seed=2):
        graph = digraph(parents)
        routes = list(listed_paths(parents, treatment, outcome))
        for given in subsets(set(parents) - {treatment, outcome}):
            verdict = backdoor(graph, treatment=treatment, outcome=outcome, adjust_for=given)
            back = [path for path in routes if path[1] in parents[treatment]]
            is_left_open = {
                written(parents, path) for path in back if is_open(parents, path, given)
            }
            met = set().union(*(colliders(parents, path) for path in routes))
            assert set(verdict.open_paths) == is_left_open
            assert len(verdict.open_paths) == len(is_left_open)
            assert verdict.opened_colliders == tuple(sorted(met & ancestral(parents, given)))
            seen.add((bool(verdict.open_paths), bool(verdict.opened_colliders)))
    assert len(seen) == 4


def test_no_path_is_open_exactly_if_networkx_separates_without_the_outgoing_arrows():
    for parents, treatment, outcome, _ in random_questions(60, seed=3):
        graph = digraph(parents)
        cut = graph.copy()
        cut.remove_edges_from(list(graph.out_edges(treatment)))
        for given in subsets(set(parents) - {treatment, outcome}):
            verdict = backdoor(graph, treatment=treatment, outcome=outcome, adjust_for=given)
            separated = nx.is_d_separator(cut, {treatment}, {outcome}, set(given))
            assert (verdict.open_paths == ()) == separated


def test_adjustment_sets_are_all_the_valid_sets_without_a_valid_proper_subset():
    sizes = set()
    for parents, treatment, outcome, rng in random_questions(400, seed=4):
        observed = [name for name in parents if rng.random() < 0.8]
        usable = set(observed) - {treatment, outcome}
        valid = [set(z) for z in subsets(usable) if criterion(parents, treatment, outcome, z)]
        minimal = [z for z in valid if not any(other < z for other in valid)]
        found = adjustment_sets(
            digraph(parents), treatment=treatment, outcome=outcome, observed=observed
        )
        assert found == sorted((tuple(sorted(z)) for z in minimal), key=lambda z: (len(z), z))
        sizes.add(len(found[0]) if found else None)
    assert sizes >= {None, 0, 1, 2, 3}


def test_all_variables_count_as_observed_unless_told_otherwise():
    for parents, treatment, outcome, _ in random_questions(50, seed=5):
        question = {"treatment": treatment, "outcome": outcome}
        graph = digraph(parents)
        everything = adjustment_sets(graph, observed=list(parents), **question)
        assert adjustment_sets(graph, **question) == everything


def test_paths_lists_every_simple_path_with_its_kind_and_state():
    kinds = set()
    for parents, treatment, outcome, rng in random_questions(200, seed=6):
        given = [n for n in parents if n not in (treatment, outcome) and rng.random() < 0.4]
        expected = set()
        for path in listed_paths(parents, treatment, outcome):
            steps = pairwise(path)
            if path[1] in parents[treatment]:
                kind = "backdoor"
            elif all(here in parents[there] for here, there in steps):
                kind = "causal"
            else:
                kind = "non-causal"
            expected.add((written(parents, path), kind, is_open(parents, path, given)))
        found = paths(digraph(parents), treatment=treatment, outcome=outcome, adjust_for=given)
        assert len(found) == len(expected)
        assert set(map(tuple, found)) == expected
        assert [len(row.path) for row in found] == sorted(len(row.path) for row in found)
        kinds |= {(row.kind, row.open) for row in found}
    assert len(kinds) == 6


def test_in_a_linear_world_a_valid_set_gives_the_total_effect_and_an_open_path_does_not():
    checked = {True: 0, False: 0}
    for parents, treatment, outcome, rng in random_questions(100, seed=7):
        order = list(parents)
        weights = np.array(
            [[rng.uniform(0.5, 1.5) * (a in parents[b]) for a in order] for b in order]
        )
        total = np.linalg.inv(np.eye(len(order)) - weights)
        covariance = total @ total.T
        effect = total[order.index(outcome), order.index(treatment)]
        for given in subsets(set(parents) - {treatment, outcome} - offspring(parents, treatment)):
            regressors = [order.index(name) for name in (treatment, *given)]
            moments = covariance[np.ix_(regressors, [*regressors, order.index(outcome)])]
            slope = np.linalg.solve(moments[:, :-1], moments[:, -1])[0]
            verdict = backdoor(
                digraph(parents), treatment=treatment, outcome=outcome, adjust_for=given
            )
            assert (abs(slope - effect) < 1e-9) == verdict.valid
            checked[verdict.valid] += 1
    assert min(checked.values()) > 100


def test_m_bias_needs_nothing_and_adjusting_for_the_collider_harms():
    assert adjustment_sets(M_BIAS, **AY) == [()]
    assert backdoor(M_BIAS, **AY, adjust_for=[]).valid
    verdict = backdoor(M_BIAS, **AY, adjust_for=["M"])
    assert not verdict.valid
    assert verdict.opened_colliders == ("M",)
    assert verdict.open_paths == ("A <- U1 -> M <- U2 -> Y",)
    assert str(verdict) == (
        "{M} is not valid: it opens the path A <- U1 -> M <- U2 -> Y. It opens the collider M."
    )


def test_a_descendant_of_a_collider_opens_it_too():
    verdict = backdoor([*M_BIAS, ("M", "D")], **AY, adjust_for="D")
    assert verdict.opened_colliders == ("M",)
    assert not verdict.valid


def test_a_collider_may_be_opened_if_its_paths_are_blocked_elsewhere():
    verdict = backdoor(M_BIAS, **AY, adjust_for=["U2", "M"])
    assert verdict.valid
    assert verdict.opened_colliders == ("M",)
    assert str(verdict) == (
        "{M, U2} is a valid adjustment set for the effect of A on Y: it blocks every backdoor "
        "path and contains no descendant of A. It opens the collider M, but all paths that meet "
        "there are blocked elsewhere."
    )


def test_the_butterfly_needs_the_collider_and_one_of_its_causes():
    assert adjustment_sets(BUTTERFLY, **AY) == [("M", "U1"), ("M", "U2")]
    assert adjustment_sets(BUTTERFLY, **AY, observed=["M"]) == []
    assert backdoor(BUTTERFLY, **AY, adjust_for=[]).open_paths == (
        "A <- M -> Y",
        "A <- M <- U2 -> Y",
        "A <- U1 -> M -> Y",
    )


def test_a_mediator_is_no_member_of_an_adjustment_set():
    assert adjustment_sets(MEDIATOR, **AY) == [("X",)]
    assert backdoor(MEDIATOR, **AY, adjust_for=["X", "M"]).descendants == ("M",)


def test_an_instrument_and_a_front_door_leave_no_adjustment_set_without_the_confounder():
    for graph, other in ((INSTRUMENT, "Z"), (FRONT_DOOR, "M")):
        assert adjustment_sets(graph, **AY) == [("U",)]
        assert adjustment_sets(graph, **AY, observed=["A", "Y", other]) == []
    assert backdoor(INSTRUMENT, **AY, adjust_for="Z").open_paths == ("A <- U -> Y",)


def test_selection_on_a_common_effect_is_reported_as_an_opened_collider():
    verdict = backdoor([("A", "C"), ("Y", "C")], **AY, adjust_for=["C"])
    assert str(verdict) == (
        "{C} is not valid: C is a descendant of A. It opens the collider C. "
        "No directed path leads from A to Y, so the effect is zero."
    )


def test_an_outcome_that_causes_the_treatment_cannot_be_adjusted_away():
    assert adjustment_sets([("Y", "A"), ("X", "Y")], **AY) == []
    verdict = backdoor([("Y", "A"), ("X", "Y")], **AY, adjust_for="X")
    assert verdict.open_paths == ("A <- Y",)


def test_sentences_name_the_set_the_fault_and_the_path():
    sentences = {
        ("X",): "{X} is a valid adjustment set for the effect of A on Y: it blocks every backdoor "
        "path and contains no descendant of A.",
        (): "{} is not valid: the path A <- X -> Y stays open.",
        ("X", "M"): "{M, X} is not valid: M is a descendant of A.",
        ("M",): "{M} is not valid: M is a descendant of A; the path A <- X -> Y stays open.",
    }
    for given, sentence in sentences.items():
        assert str(backdoor(MEDIATOR, **AY, adjust_for=given)) == sentence
    later = [("A", "M"), ("A", "N"), ("A", "O"), ("A", "Y")]
    verdict = backdoor(later, **AY, adjust_for=["O", "N", "M"])
    assert str(verdict) == "{M, N, O} is not valid: M, N and O are descendants of A."


def test_a_sentence_names_three_open_paths_and_counts_the_rest():
    endings = {
        3: "A <- U2 -> Y stays open.",
        4: "; 1 more backdoor path is open.",
        5: "; 2 more backdoor paths are open.",
    }
    for count, ending in endings.items():
        edges = [edge for i in range(count) for edge in ((f"U{i}", "A"), (f"U{i}", "Y"))]
        sentence = str(backdoor([*edges, ("A", "Y")], **AY, adjust_for=[]))
        assert sentence.endswith(ending)
        assert sentence.count("stays open") == 3


def test_a_graph_may_be_typed_in_as_edges_as_a_dict_of_effects_or_read_off_a_model():
    model = SCM(
        {
            "X": Normal(),
            "A": Normal(lambda X: X),
            "M": Normal(lambda A: A),
            "Y": Normal(lambda A, M, X: A + M + X),
        }
    )
    effects = {"X": ["A", "Y"], "A": ["M", "Y"], "M": ["Y"]}
    answers = [
        str(backdoor(graph, **AY, adjust_for="M"))
        for graph in (MEDIATOR, effects, nx.DiGraph(MEDIATOR), model.graph)
    ]
    assert len(set(answers)) == 1


def test_variables_need_not_be_strings():
    assert adjustment_sets([(1, 2), (1, 3), (2, 3)], treatment=2, outcome=3) == [(1,)]
    assert backdoor([(1, 2), (1, 3), (2, 3)], treatment=2, outcome=3, adjust_for=1).valid


def test_the_graph_of_the_caller_is_left_as_it_was():
    graph = nx.DiGraph(MEDIATOR)
    backdoor(graph, **AY, adjust_for="X")
    adjustment_sets(graph, **AY)
    paths(graph, **AY)
    assert list(graph.edges) == list(nx.DiGraph(MEDIATOR).edges)


def test_the_verdict_cannot_be_changed():
    verdict = backdoor(MEDIATOR, **AY, adjust_for="M")
    with pytest.raises(AttributeError):
        verdict.valid = True


def test_dense_graphs_are_judged_without_listing_their_paths():
    complete = nx.DiGraph(combinations(range(30), 2))
    before = list(range(20))
    assert backdoor(complete, treatment=20, outcome=29, adjust_for=before).valid
    assert adjustment_sets(complete, treatment=20, outcome=29) == [tuple(sorted(before, key=str))]
    assert adjustment_sets(complete, treatment=20, outcome=29, observed=before[1:]) == []
    apart = nx.union(complete, nx.DiGraph([("X", "Y")]))
    assert backdoor(apart, treatment=29, outcome="Y", adjust_for=[]).valid


def test_the_signatures_are_the_published_ones():
    assert str(inspect.signature(backdoor)) == "(graph, *, treatment, outcome, adjust_for)"
    assert (
        str(inspect.signature(adjustment_sets)) == "(graph, *, treatment, outcome, observed=None)"
    )


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ([("A", "B"), ("B", "Y"), ("Y", "A")], "cycle A -> B -> Y -> A; .*remove or reverse one"),
        ([("A", "Y"), ("Y", "Y")], "cycle Y -> Y"),
        (nx.Graph(MEDIATOR), "undirected; pass a networkx.DiGraph"),
        ("A -> Y", "cannot read a graph from str; pass"),
        ([("A",)], r"cannot read a graph from list; .*\(cause, effect\) pairs"),
        (42, "cannot read a graph from int"),
        ({"A": 3}, "cannot read a graph from dict"),
        ([], "no variable 'A' in the graph; it has no variables"),
    ],
)
def test_what_is_no_acyclic_directed_graph_is_refused(graph, message):
    for question in (adjustment_sets, paths):
        with pytest.raises(ValueError, match=message):
            question(graph, **AY)
    with pytest.raises(ValueError, match=message):
        backdoor(graph, **AY, adjust_for=[])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"treatment": "talet"}, "no variable 'talet' in the graph; did you mean talent"),
        ({"outcome": "Z"}, "no variable 'Z' in the graph; it has A, Y, talent"),
        ({"outcome": "A"}, "treatment and outcome are both 'A'; name two"),
        ({"adjust_for": ["talents"]}, "no variable 'talents' in the graph; did you mean talent"),
        ({"adjust_for": [["talent"]]}, "no variable .'talent'. in the graph"),
        ({"adjust_for": ["A"]}, "adjust_for contains the treatment 'A'; leave it out"),
        ({"adjust_for": "talents"}, "no variable 'talents' in the graph; did you mean talent"),
        ({"adjust_for": "Y"}, "adjust_for contains the outcome 'Y'; leave it out"),
    ],
)
def test_wrong_names_are_refused_with_the_nearest_ones(change, message):
    graph = [("talent", "A"), ("talent", "Y"), ("A", "Y")]
    for question in (backdoor, paths):
        with pytest.raises(ValueError, match=message):
            question(graph, **{**AY, "adjust_for": [], **change})


def test_unknown_observed_variables_are_refused():
    with pytest.raises(ValueError, match="no variable 'W' in the graph; it has A, M, X, Y"):
        adjustment_sets(MEDIATOR, **AY, observed=["X", "W"])
