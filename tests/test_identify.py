"""The backdoor and front-door criteria against an implementation that shares no code with them."""

import inspect
import re
import time
from itertools import chain, combinations, pairwise, permutations

import networkx as nx
import numpy as np
import pytest

from casestudies import scenarios
from casestudies.identify import (
    AdjustmentSets,
    adjustment_set,
    adjustment_sets,
    backdoor,
    frontdoor,
    paths,
    sequential_backdoor,
)
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


def shortest_first(paths):
    return sorted(paths, key=lambda path: (len(path), path))


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


def minimal_sets(parents, treatment, outcome, usable):
    """The valid sets without a valid proper subset, by trying every set."""
    valid = [set(z) for z in subsets(usable) if criterion(parents, treatment, outcome, z)]
    minimal = [tuple(sorted(z)) for z in valid if not any(other < z for other in valid)]
    return sorted(minimal, key=lambda z: (len(z), z))


def random_questions_with_latents(count, seed):
    """Yield a typed-in graph and its parents, with each latent cause as a variable of its name."""
    for parents, treatment, outcome, rng in random_questions(count, seed):
        full = dict(parents)
        edges = [f"{parent} -> {child}" for child in parents for parent in parents[child]]
        for _ in range(rng.integers(1, 4)):
            one, two = sorted(str(name) for name in rng.choice(list(parents), 2, replace=False))
            edges.append(f"{one} <-> {two}" if rng.random() < 0.5 else f"{two}<->{one}")
            latent = f"{one} <-> {two}"
            full |= {latent: [], one: {*full[one], latent}, two: {*full[two], latent}}
        if all(parents[name] or any(name in edge for edge in edges) for name in parents):
            yield edges, full, sorted(parents), treatment, outcome, rng


def walked(parents, start, end, path=()):
    """Every simple path between two variables, by walking on until there is no way."""
    path = [*path, start]
    if start == end:
        yield path
        return
    for name in parents:
        if name not in path and (name in parents[start] or start in parents[name]):
            yield from walked(parents, name, end, path)


def written_with_latents(parents, path):
    text = written(parents, path)
    for name in parents:
        text = text.replace(f" <- {name} -> ", " <-> ") if "<->" in name else text
    return text


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
            left_open = shortest_first(path for path in back if is_open(parents, path, given))
            met = set().union(*(colliders(parents, path) for path in routes))
            assert verdict.open_paths == tuple(written(parents, path) for path in left_open[:3])
            assert verdict.more_open == min(len(left_open[3:]), 7)
            assert verdict.opened_colliders == tuple(sorted(met & ancestral(parents, given)))
            seen.add((bool(verdict.open_paths), bool(verdict.opened_colliders)))
            seen.add(verdict.more_open)
    assert len(seen) == 4 + 8


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


def test_latent_common_causes_are_variables_that_cannot_be_adjusted_for():
    seen = set()
    for edges, full, names, treatment, outcome, _ in random_questions_with_latents(350, seed=8):
        question = {"treatment": treatment, "outcome": outcome}
        others = set(names) - {treatment, outcome}
        back = [path for path in walked(full, treatment, outcome) if path[1] in full[treatment]]
        for given in subsets(others):
            verdict = backdoor(edges, **question, adjust_for=given)
            left_open = shortest_first(path for path in back if is_open(full, path, given))
            assert verdict.valid == criterion(full, treatment, outcome, given)
            assert verdict.open_paths == tuple(
                written_with_latents(full, path) for path in left_open[:3]
            )
            seen.add((verdict.valid, "<->" in str(verdict)))
        minimal = minimal_sets(full, treatment, outcome, others)
        assert adjustment_sets(edges, **question) == minimal
        found = {(row.path, row.open) for row in paths(edges, **question, adjust_for=given)}
        assert found == {
            (written_with_latents(full, path), is_open(full, path, given))
            for path in walked(full, treatment, outcome)
        }
        seen.add(len(minimal))
    assert seen >= {(True, False), (False, True), (False, False), 0, 1, 2, 3}


def test_one_set_is_found_exactly_if_there_is_one_and_it_is_minimal():
    counts = {True: 0, False: 0}
    for edges, full, names, treatment, outcome, rng in random_questions_with_latents(500, seed=9):
        observed = [name for name in names if rng.random() < 0.7]
        usable = set(observed) - {treatment, outcome}
        minimal = minimal_sets(full, treatment, outcome, usable)
        question = {"treatment": treatment, "outcome": outcome, "observed": observed}
        if minimal:
            assert adjustment_set(edges, **question) in minimal
        else:
            with pytest.raises(
                ValueError, match="no set of observed variables is valid"
            ) as refusal:
                adjustment_set(edges, **question)
            path = named_path(full, treatment, outcome, str(refusal.value))
            later = offspring(full, treatment)
            assert path[1] in full[treatment]
            if "along with the others" in str(refusal.value):
                assert colliders(full, path)
                ancestors = ancestral(full, {treatment, outcome})
                assert is_open(full, path, (usable - later) & ancestors)
            else:
                assert not colliders(full, path)
                assert not set(path[1:-1]) & (usable - later)
        counts[bool(minimal)] += 1
    assert min(counts.values()) > 100


def named_path(parents, treatment, outcome, text):
    """The path that a refusal names."""
    back = shortest_first(walked(parents, treatment, outcome))
    return next(path for path in back if f" {written_with_latents(parents, path)} cannot" in text)


def test_following_the_advice_of_a_refusal_leads_to_a_set():
    steps = set()
    for edges, _, names, treatment, outcome, rng in random_questions_with_latents(300, seed=10):
        question = {"treatment": treatment, "outcome": outcome}
        observed = [name for name in names if rng.random() < 0.3]
        for step in range(12):
            try:
                found = adjustment_set(edges, **question, observed=observed)
            except ValueError as refusal:
                edges, observed, question = follow(str(refusal), edges, observed, question)
                continue
            assert backdoor(edges, **question, adjust_for=found)
            steps.add(step)
            break
        else:
            pytest.fail("the advice never led to a set")
    assert len(steps) > 4


def follow(advice, edges, observed, question):
    """Do what the refusal says: measure a variable, spell a latent cause, or turn the question."""
    advice = advice.split("; ", 1)[1]
    if advice.startswith("measure "):
        return edges, [*observed, advice.split()[1]], question
    if "so ask for the effect of" in advice:
        treatment, outcome = advice.split("effect of ")[1].split(" on ")
        return edges, observed, {"treatment": treatment, "outcome": outcome}
    latent = advice.split("the cause behind ")[1].split(" can be measured")[0]
    one, two = latent.split(" <-> ")
    kept = [edge for edge in edges if edge not in (latent, f"{two}<->{one}")]
    cause = f"U{one}{two}"
    return [*kept, f"{one} <- {cause} -> {two}"], [*observed, cause], question


def test_front_door_sets_are_judged_as_by_listing_the_paths_of_each_condition():
    counts = {}
    for edges, full, names, treatment, outcome, _ in random_questions_with_latents(300, seed=11):
        routes = {
            pair: list(walked(full, *pair))
            for pair in permutations(names, 2)
            if treatment in pair or outcome in pair
        }
        for mediators in subsets(set(names) - {treatment, outcome}):
            expected = front_door_violations(full, routes, treatment, outcome, mediators)
            verdict = frontdoor(edges, treatment=treatment, outcome=outcome, mediators=mediators)
            assert verdict.violations == {
                number: tuple(
                    written_with_latents(full, path) for path in shortest_first(found)[:3]
                )
                for number, found in expected.items()
                if found
            }
            assert verdict.valid == bool(verdict) == (not verdict.violations)
            assert verdict.has_effect == (outcome in offspring(full, treatment))
            case = tuple(verdict.violations)
            counts[case] = counts.get(case, 0) + 1
    assert len(counts) == 8
    assert counts[()] > 100


def front_door_violations(parents, routes, treatment, outcome, mediators):
    """Pearl's three conditions, path by path; a path holds at most one mediator."""

    def proper(start, end):
        others = set(mediators) - {start, end}
        return [path for path in routes[start, end] if not others & set(path)]

    def enters(path):
        return path[1] in parents[path[0]]

    return {
        1: [
            path
            for path in proper(treatment, outcome)
            if all(here in parents[there] for here, there in pairwise(path))
        ],
        2: [
            path
            for mediator in mediators
            for path in proper(treatment, mediator)
            if enters(path) and is_open(parents, path, ())
        ],
        3: [
            path
            for mediator in mediators
            for path in proper(mediator, outcome)
            if enters(path) and is_open(parents, path, {treatment})
        ],
    }


def test_in_a_linear_world_the_front_door_formula_gives_the_total_effect():
    checked = {True: 0, False: 0}
    for edges, full, names, treatment, outcome, rng in random_questions_with_latents(200, seed=12):
        order = list(full)
        weights = np.array([[rng.uniform(0.5, 1.5) * (a in full[b]) for a in order] for b in order])
        total = np.linalg.inv(np.eye(len(order)) - weights)
        covariance = total @ total.T
        a, y = order.index(treatment), order.index(outcome)
        for mediators in subsets(set(names) - {treatment, outcome}):
            m = [order.index(name) for name in mediators]
            regressors = [a, *m]
            slopes = np.linalg.solve(
                covariance[np.ix_(regressors, regressors)], covariance[regressors, y]
            )
            formula = slopes[1:] @ covariance[m, a] / covariance[a, a]
            verdict = frontdoor(edges, treatment=treatment, outcome=outcome, mediators=mediators)
            agrees = abs(formula - total[y, a]) < 1e-9
            assert agrees or not verdict.valid
            checked[bool(agrees)] += 1
    assert min(checked.values()) > 200


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


def test_two_opened_colliders_are_named_together():
    verdict = backdoor([*M_BIAS, "U1 -> N <- U2"], **AY, adjust_for=["N", "M"])
    assert str(verdict).endswith(" It opens the colliders M and N.")


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
    verdict = backdoor(later, **AY, adjust_for=["N", "M", "N"])
    assert str(verdict) == "{M, N} is not valid: M and N are descendants of A."


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


def test_names_may_come_from_an_iterator():
    assert backdoor(MEDIATOR, **AY, adjust_for=iter("X"))
    assert adjustment_set(MEDIATOR, **AY, observed=iter("X")) == ("X",)


def test_a_cause_in_a_dict_may_have_one_effect_whose_name_is_long():
    graph = {"ward": ["drug", "days"], "drug": "days"}
    columns = {"treatment": "drug", "outcome": "days"}
    found = [path.path for path in paths(graph, **columns)]
    assert found == ["drug -> days", "drug <- ward -> days"]
    assert graph["drug"] == "days"


def test_names_that_hold_signs_go_in_pairs():
    graph = [("X; old", "A"), ("X; old", "Y"), "A -> Y"]
    assert adjustment_sets(graph, **AY) == [("X; old",)]


def test_variables_need_not_be_strings():
    assert adjustment_sets([(1, 2), (1, 3), (2, 3)], treatment=2, outcome=3) == [(1,)]
    assert backdoor([(1, 2), (1, 3), (2, 3)], treatment=2, outcome=3, adjust_for=1).valid


def test_the_graph_of_the_caller_is_left_as_it_was():
    graph = nx.DiGraph(MEDIATOR)
    backdoor(graph, **AY, adjust_for="X")
    adjustment_sets(graph, **AY)
    frontdoor(graph, **AY, mediators="M")
    paths(graph, **AY)
    assert list(graph.edges) == list(nx.DiGraph(MEDIATOR).edges)


def test_the_verdict_cannot_be_changed():
    for verdict in (
        backdoor(MEDIATOR, **AY, adjust_for="M"),
        frontdoor(MEDIATOR, **AY, mediators="M"),
    ):
        with pytest.raises(AttributeError):
            verdict.valid = True


def test_ten_open_paths_are_not_counted_further():
    for count, ending in {9: "; 6 more", 10: "; at least 7 more", 12: "; at least 7 more"}.items():
        edges = [f"A <- U{i:02d} -> Y" for i in range(count)]
        verdict = backdoor([*edges, "A -> Y"], **AY, adjust_for=[])
        assert str(verdict).endswith(f"{ending} backdoor paths are open.")
        assert verdict.open_paths == tuple(edges[:3])


def test_a_string_may_hold_several_arrows_and_is_read_like_pairs():
    pairs = [("X", "A"), ("X", "Y"), ("A", "M"), ("M", "Y"), ("A", "Y")]
    for graph in (
        ["A <- X -> Y", "A -> M -> Y", "A -> Y"],
        {"X->A", " X ->Y ", "A->M->Y<-A"},
        ("A <- X", ("X", "Y"), "Y <- M <- A", ("A", "Y")),
        iter(["X -> A", "X -> Y", "A -> M", "M -> Y", "A -> Y"]),
    ):
        assert paths(graph, **AY) == paths(pairs, **AY)


def test_a_string_names_the_variables_that_pairs_name_whatever_their_type():
    verdict = backdoor([(1, 2), "2 <-> 1"], treatment=1, outcome=2, adjust_for=[])
    assert verdict.open_paths == ("1 <-> 2",)
    assert adjustment_set([(1, 2), "1 <- 3 -> 2"], treatment=1, outcome=2) == ("3",)


def test_a_latent_common_cause_is_one_however_often_it_is_written():
    graph = ["A -> Y", "A <-> Y", "Y <-> A", "A<->Y"]
    assert [row.path for row in paths(graph, **AY)] == ["A -> Y", "A <-> Y"]
    sentence = "{} is not valid: the path A <-> Y stays open."
    assert str(backdoor(graph, **AY, adjust_for=[])) == sentence


def test_an_arrow_and_a_latent_cause_may_join_the_same_two_variables():
    graph = ["A -> Y", "B -> A", "B <-> A", "B <-> Y"]
    assert [row.path for row in paths(graph, **AY)] == ["A -> Y", "A <- B <-> Y", "A <-> B <-> Y"]
    verdict = backdoor(graph, **AY, adjust_for="B")
    assert verdict.opened_colliders == ("B",)
    assert str(verdict) == (
        "{B} is not valid: it opens the path A <-> B <-> Y. It opens the collider B."
    )
    assert adjustment_sets(graph, **AY) == []


def test_an_m_of_latent_causes_needs_nothing():
    graph = ["A <-> M <-> Y", "A -> Y"]
    assert adjustment_set(graph, **AY) == ()
    assert not backdoor(graph, **AY, adjust_for="M")
    assert backdoor(graph, **AY, adjust_for=[]).opened_colliders == ()


def test_front_door_sentences_name_the_condition_and_the_path():
    tar = ["A -> M -> Y", "A <-> Y"]
    sentences = {
        (): "{M} is a valid front-door set for the effect of A on Y: it intercepts every "
        "directed path, no backdoor path from A to it is open and A blocks every backdoor path "
        "from it to Y.",
        ("A -> N -> Y", "A -> Y"): "{M} is not valid: condition 1 (it intercepts every directed "
        "path) fails on A -> Y and A -> N -> Y.",
        ("A <-> M",): "{M} is not valid: condition 2 (no backdoor path from A to it is open) fails "
        "on A <-> M; condition 3 (A blocks every backdoor path from it to Y) fails on "
        "M <-> A <-> Y.",
        ("M <- W -> Y",): "{M} is not valid: condition 3 (A blocks every backdoor path from it to "
        "Y) fails on M <- W -> Y.",
    }
    for edges, sentence in sentences.items():
        assert str(frontdoor([*tar, *edges], **AY, mediators="M")) == sentence
    assert str(frontdoor(["A <-> Y"], **AY, mediators=[])).endswith(
        "No directed path leads from A to Y, so the effect is zero."
    )


def test_two_mediators_are_one_set_in_the_front_door():
    chain = ["A -> M -> N -> Y", "M -> Y", "A <-> Y"]
    assert frontdoor(chain, **AY, mediators=["N", "M"]).mediators == ("M", "N")
    assert frontdoor(chain, **AY, mediators=["N", "M"])
    assert frontdoor(chain, **AY, mediators="N").violations == {
        1: ("A -> M -> Y",),
        3: ("N <- M -> Y",),
    }


def large_graph(size, degree, latents, seed):
    """A random graph with names in random order, two far variables of it, and its parents."""
    rng = np.random.default_rng(seed)
    names = [f"V{place}" for place in rng.permutation(size)]
    parents = {
        name: [before for before in names[:place] if rng.random() < degree / size]
        for place, name in enumerate(names)
    }
    edges = [(parent, child) for child in names for parent in parents[child]]
    for one, two in rng.choice(names, (latents, 2)):
        parents |= {f"{one}{two}": [], one: [*parents[one], f"{one}{two}"]}
        parents[two] = [*parents[two], f"{one}{two}"]
        edges.append(f"{one} <-> {two}")
    return edges, parents, names


def seconds(call, *args, **options):
    start = time.process_time()
    answer = call(*args, **options)
    return answer, time.process_time() - start


@pytest.mark.parametrize(("degree", "latents"), [(3, 0), (6, 20), (12, 0)])
def test_five_hundred_variables_take_less_than_a_second(degree, latents):
    edges, parents, names = large_graph(500, degree, latents, seed=degree)
    question = {"treatment": names[300], "outcome": names[450]}
    given, first = seconds(adjustment_set, edges, **question)
    _, second = seconds(backdoor, edges, **question, adjust_for=[])
    verdict, third = seconds(backdoor, edges, **question, adjust_for=given)
    front, fourth = seconds(frontdoor, edges, **question, mediators=names[310:320])
    assert max(first, second, third, fourth) < 1
    assert verdict
    assert front.violations
    assert criterion(parents, *question.values(), given)
    for name in given:
        fewer = set(given) - {name}
        assert not criterion(parents, *question.values(), fewer)


def test_more_sets_than_the_limit_are_said_and_not_listed():
    edges = [f"A <- U{i} -> V{i} -> Y" for i in range(60)]  # 2**60 minimal sets
    sets, spent = seconds(adjustment_sets, edges, **AY, limit=5)
    assert spent < 1
    assert sets.more
    assert len(set(sets)) == len(sets) == 5
    assert str(sets).endswith("), ...]")
    assert all(len(names) == 60 for names in sets)
    assert all(backdoor(edges, **AY, adjust_for=names) for names in sets)
    assert len(adjustment_sets(edges, **AY)) == 20


def test_the_limit_may_be_met_exactly_and_may_be_lifted():
    edges = [f"A <- U{i} -> V{i} -> Y" for i in range(5)]  # 2**5 minimal sets
    every = adjustment_sets(edges, **AY, limit=None)
    assert len(every) == 32
    assert every == sorted(every)
    assert adjustment_sets(edges, **AY, limit=32) == every
    assert not every.more
    assert not adjustment_sets(edges, **AY, limit=32).more
    assert adjustment_sets(edges, **AY, limit=31).more
    assert set(adjustment_sets(edges, **AY, limit=31)) < set(every)
    assert str(every) == str(list(every)) == str(AdjustmentSets(every))


def test_the_smallest_set_comes_first():
    edges = ["A <- C -> B1", "A <- C -> B2", "A <- C -> B3", "B1 -> Y", "B2 -> Y", "B3 -> Y"]
    assert adjustment_sets(edges, **AY) == [("C",), ("B1", "B2", "B3")]
    assert adjustment_sets(edges, treatment="Y", outcome="A") == [("C",), ("B1", "B2", "B3")]


def test_a_maze_behind_a_confounder_costs_no_time():
    maze = [(f"W{i}", f"W{j}") for i, j in combinations(range(60), 2)]
    edges = ["A <- X -> Y", "A -> Y", *maze, *((f"W{i}", "X") for i in range(60))]
    verdict, spent = seconds(backdoor, edges, **AY, adjust_for=[])
    assert spent < 1
    assert (verdict.open_paths, verdict.more_open) == (("A <- X -> Y",), 0)
    assert adjustment_set(edges, **AY) == ("X",)
    assert adjustment_sets(edges, **AY) == [("X",)]


def test_a_long_row_of_diamonds_costs_no_time():
    row = [f"N{i} <- L{i} <- N{i + 1} -> R{i} -> N{i}" for i in range(100)]
    edges = ["A <- N0", *row, "N100 -> Y", "A -> Y"]
    verdict, spent = seconds(backdoor, edges, **AY, adjust_for=[])
    assert spent < 1
    assert verdict.more_open == 7
    assert {path.count("-") for path in verdict.open_paths} == {202}
    assert backdoor(edges, **AY, adjust_for="N50")
    assert adjustment_sets(edges, **AY, limit=None)[100] == ("N99",)


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
    expected = "(graph, *, treatment, outcome, observed=None)"
    assert str(inspect.signature(adjustment_set)) == expected
    expected = "(graph, *, treatment, outcome, observed=None, limit=20)"
    assert str(inspect.signature(adjustment_sets)) == expected
    assert str(inspect.signature(frontdoor)) == "(graph, *, treatment, outcome, mediators)"


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


@pytest.mark.parametrize("limit", [0, -1, 2.0, True, "20", float("nan")])
def test_a_limit_that_is_no_positive_whole_number_is_refused(limit):
    with pytest.raises(ValueError, match=f"limit is {limit!r}; give a positive whole number"):
        adjustment_sets(MEDIATOR, **AY, limit=limit)
    assert adjustment_sets(MEDIATOR, **AY, limit=np.int64(1)) == [("X",)]


REFUSED_AND_FOLLOWED = {
    "undirected": (
        lambda: backdoor(nx.Graph(MEDIATOR), **AY, adjust_for="X"),
        "undirected; pass a networkx.DiGraph, edges from cause to effect",
        lambda: backdoor(nx.DiGraph(MEDIATOR), **AY, adjust_for="X"),
    ),
    "unreadable": (
        lambda: backdoor("A -> Y", **AY, adjust_for=()),
        "a list of .* strings like 'X -> Y'",
        lambda: backdoor(["A -> Y"], **AY, adjust_for=()),
    ),
    "edge": (
        lambda: backdoor(["A - Y"], **AY, adjust_for=()),
        "cannot read the edge 'A - Y'; write 'X -> Y' from cause to effect or 'X <-> Y' for a "
        "latent common cause of two variables$",
        lambda: backdoor(["A -> Y"], **AY, adjust_for=()),
    ),
    "loop": (
        lambda: backdoor([("A", "Y"), ("Y", "Y")], **AY, adjust_for=()),
        "cycle Y -> Y; a causal graph has none: remove this edge$",
        lambda: backdoor([("A", "Y")], **AY, adjust_for=()),
    ),
    "two arrows, a latent cause": (
        lambda: backdoor([("M", "X"), ("X", "M"), *MEDIATOR], **AY, adjust_for="X"),
        "if you mean a latent common cause, write 'M <-> X' instead",
        lambda: backdoor(["M <-> X", *MEDIATOR], **AY, adjust_for="X"),
    ),
    "two arrows, the cause named": (
        lambda: adjustment_set([("M", "X"), ("X", "M"), *MEDIATOR], **AY),
        "or add the cause and leave it out of observed",
        lambda: adjustment_set(["M <- U -> X", *MEDIATOR], **AY, observed=["X", "M"]),
    ),
    "two arrows, one too many": (
        lambda: backdoor([("M", "X"), ("X", "M"), *MEDIATOR], **AY, adjust_for="X"),
        "else remove or reverse one arrow$",
        lambda: backdoor([("X", "M"), ("X", "M"), *MEDIATOR], **AY, adjust_for="X"),
    ),
    "longer cycle": (
        lambda: backdoor([("M", "Z"), ("Z", "A"), *MEDIATOR], **AY, adjust_for="X"),
        "cycle M -> Z -> A -> M; .* remove or reverse one of these edges$",
        lambda: backdoor([("M", "Z"), ("A", "Z"), *MEDIATOR], **AY, adjust_for="X"),
    ),
    "nearly a name": (
        lambda: backdoor([("talent", "A"), "A -> Y"], **AY, adjust_for="talet"),
        "did you mean talent",
        lambda: backdoor([("talent", "A"), "A -> Y"], **AY, adjust_for="talent"),
    ),
    "treatment held fixed": (
        lambda: backdoor(MEDIATOR, **AY, adjust_for=["A", "X"]),
        "adjust_for contains the treatment 'A'; leave it out",
        lambda: backdoor(MEDIATOR, **AY, adjust_for=["X"]),
    ),
    "outcome as a mediator": (
        lambda: frontdoor(FRONT_DOOR, **AY, mediators=["M", "Y"]),
        "mediators contains the outcome 'Y'; leave it out",
        lambda: frontdoor(FRONT_DOOR, **AY, mediators=["M"]),
    ),
    "one variable twice": (
        lambda: backdoor(MEDIATOR, treatment="A", outcome="A", adjust_for="X"),
        "treatment and outcome are both 'A'; name two variables",
        lambda: backdoor(MEDIATOR, treatment="A", outcome="Y", adjust_for="X"),
    ),
    "latent cause held fixed": (
        lambda: backdoor(["B <-> Y", *MEDIATOR], **AY, adjust_for=["X", "B <-> Y"]),
        "'B <-> Y' is a latent common cause, which cannot be observed; leave it out, or write the "
        "cause as a variable",
        lambda: backdoor(["B <-> Y", *MEDIATOR], **AY, adjust_for=["X"]),
    ),
    "latent cause observed": (
        lambda: adjustment_set(["A <-> Y", "A -> Y"], **AY, observed="Y<->A"),
        r"write the cause as a variable with two arrows \('U -> X', 'U -> Y'\)$",
        lambda: adjustment_set(["U -> A", "U -> Y", "A -> Y"], **AY, observed="U"),
    ),
    "limit": (
        lambda: adjustment_sets(MEDIATOR, **AY, limit=0.5),
        "or None for all sets",
        lambda: adjustment_sets(MEDIATOR, **AY, limit=None),
    ),
    "unmeasured cause": (
        lambda: adjustment_set(["A <- W <- U -> Y", "A -> Y"], **AY, observed=[]),
        "the path A <- W <- U -> Y cannot be blocked; measure W or U and name it in observed$",
        lambda: adjustment_set(["A <- W <- U -> Y", "A -> Y"], **AY, observed=["W"]),
    ),
    "unmeasured cause or what it causes": (
        lambda: adjustment_set(["A <- U -> V -> Y", "A -> Y"], **AY, observed=["Y"]),
        "the path A <- U -> V -> Y cannot be blocked; measure U or V and name it in observed$",
        lambda: adjustment_set(["A <- U -> V -> Y", "A -> Y"], **AY, observed=["Y", "V"]),
    ),
    "latent cause of both": (
        lambda: adjustment_set(["A -> M -> Y", "A <-> Y"], **AY),
        "the path A <-> Y cannot be blocked; if the cause behind A <-> Y can be measured, write it "
        "as a variable",
        lambda: adjustment_set(["A -> M -> Y", "U -> A", "U -> Y"], **AY, observed=["U"]),
    ),
    "latent cause of both, front door": (
        lambda: adjustment_set(["A -> M -> Y", "A <-> Y"], **AY),
        "else ask frontdoor about mediators$",
        lambda: frontdoor(["A -> M -> Y", "A <-> Y"], **AY, mediators=["M"]),
    ),
    "collider that must be held fixed": (
        lambda: adjustment_set(["A <-> B <-> Y", "B -> A", "A -> Y"], **AY),
        "the path A <-> B <-> Y cannot be blocked along with the others; if the cause behind "
        "A <-> B can be measured",
        lambda: adjustment_set(["A <- U -> B <-> Y", "B -> A", "A -> Y"], **AY),
    ),
    "a rule that hides what it reads": (
        lambda: sequential_backdoor(
            ["A -> Y"], treatments=["A"], outcome="Y", adjust_for=[[]], regime={"A": max}
        ),
        "the rule of A does not tell what it reads; write a function whose parameters are var",
        lambda: sequential_backdoor(
            ["A -> Y"], treatments=["A"], outcome="Y", adjust_for=[[]], regime={"A": lambda: 1}
        ),
    ),
    "effect on a cause": (
        lambda: adjustment_set(["Y -> A", "X -> Y"], **AY),
        "A <- Y cannot be blocked; Y causes A, so ask for the effect of Y on A$",
        lambda: adjustment_set(["Y -> A", "X -> Y"], treatment="Y", outcome="A") == (),
    ),
}


@pytest.mark.parametrize("case", REFUSED_AND_FOLLOWED)
def test_what_a_refusal_advises_gives_an_answer(case):
    refused, advice, followed = REFUSED_AND_FOLLOWED[case]
    with pytest.raises(ValueError, match=advice):
        refused()
    assert followed()


@pytest.mark.parametrize(
    "edge",
    [
        *["", "A", "AY", "A -> ", "<- Y", "A --> Y", "A <--> Y", "A => Y", "A -> -> Y", "A <-> A"],
        *["A -> Y; X -> A", "A -> Y, X -> A", "A -> Y\nX -> A", "X → A -> Y", "A -> Y -- X"],
    ],
)
def test_strings_that_are_no_edge_are_refused(edge):
    with pytest.raises(ValueError, match=f"cannot read the edge {re.escape(repr(edge))}; write"):
        backdoor([("A", "Y"), edge], **AY, adjust_for=[])


def test_latent_causes_are_no_variables_of_a_question():
    graph = ["A -> Y", "A <-> Y"]
    with pytest.raises(ValueError, match="'A <-> Y' is a latent common cause"):
        backdoor(graph, treatment="A <-> Y", outcome="Y", adjust_for=[])
    with pytest.raises(ValueError, match=r"no variable 'Z' in the graph; it has A, Y$"):
        adjustment_sets(graph, **AY, observed="Z")
    with pytest.raises(ValueError, match="'A <-> Y' is a latent common cause"):
        frontdoor(graph, **AY, mediators=["A <-> Y"])


def test_a_refusal_names_twenty_variables_of_a_large_graph():
    row = [f"V{place}" for place in range(100, 120)]
    with pytest.raises(ValueError, match=rf"it has {', '.join(row)}$"):
        paths([" -> ".join(row)], treatment="x", outcome="V101")
    with pytest.raises(ValueError, match=rf"it has {', '.join(row)}, \.\.\.$"):
        paths([" -> ".join([*row, "V120"])], treatment="x", outcome="V101")


def test_unknown_observed_variables_are_refused():
    with pytest.raises(ValueError, match="no variable 'W' in the graph; it has A, M, X, Y"):
        adjustment_sets(MEDIATOR, **AY, observed=["X", "W"])


MONTHS = ["mismatch_0", "mismatch_1", "mismatch_2"]
MID_FLIGHT = {"treatments": MONTHS, "outcome": "exit"}
LOOP = ["A0 -> L -> A1 -> Y", "A0 -> Y", "L <- U -> Y"]
A0_A1 = {"treatments": ["A0", "A1"], "outcome": "Y"}


def random_plans(count, seed):
    """Yield a random graph, two or three decisions in its order, an outcome, sets and rules."""
    for parents, _, _, rng in random_questions(count, seed):
        order = list(parents)
        chosen = sorted(rng.choice(len(order), rng.integers(3, min(5, len(order))), replace=False))
        *decisions, outcome = (order[place] for place in chosen)
        others = [name for name in order if name not in (*decisions, outcome)]
        sets = [[name for name in others if rng.random() < 0.3] for _ in decisions]
        past, reads = set(), {}
        for decision, own in zip(decisions, sets, strict=True):
            past.update(own)
            reads[decision] = sorted(name for name in past if rng.random() < 0.5)
            past.add(decision)
        yield parents, decisions, outcome, sets, reads, rng


def judged(parents, decisions, outcome, sets, reads):
    """The two conditions for each decision, by the moral graph of the ancestors."""
    past = set()
    for place, (decision, own) in enumerate(zip(decisions, sets, strict=True)):
        later = decisions[place + 1 :]
        changed = set().union(*(offspring(parents, name) for name in [decision, *later]))
        fixed = parents | {name: reads[name] for name in later}
        cut = {name: [p for p in fixed[name] if p != decision] for name in fixed}
        separated = moral_separation(cut, decision, outcome, past | set(own))
        yield separated and not changed & (set(own) - past)
        past |= {decision, *own}


def rule(names):
    """A rule that reads these variables: the parity of one more than their sum."""
    text = f"lambda {', '.join(names)}: ({' + '.join([*names, '1'])}) % 2"
    return eval(text)  # the parameter names are the point


def test_each_decision_is_judged_as_the_moral_graph_judges_it_with_and_without_rules():
    counts = {}
    for parents, decisions, outcome, sets, reads, _ in random_plans(1_500, seed=21):
        ask = {"treatments": decisions, "outcome": outcome, "adjust_for": sets}
        for read in (dict.fromkeys(decisions, ()), reads):
            rules = {name: rule(names) for name, names in read.items() if names}
            verdict = sequential_backdoor(digraph(parents), **ask, regime=rules)
            expected = list(judged(parents, decisions, outcome, sets, read))
            assert [decision.valid for decision in verdict.decisions] == expected
            assert bool(verdict) == verdict.valid == all(expected)
            counts[all(expected), bool(rules)] = counts.get((all(expected), bool(rules)), 0) + 1
    assert min(counts.values()) > 100


def binary_joint(parents, chances):
    """P(row) of 0/1 variables, one axis each in the order of `parents`."""
    table = np.ones([2] * len(parents))
    for name, chance in chances.items():
        axes = [list(parents).index(p) for p in [*sorted(parents[name]), name]]
        shape = [2 if axis in axes else 1 for axis in range(len(parents))]
        table = table * np.transpose(chance, np.argsort(np.argsort(axes))).reshape(shape)
    return table


def random_chances(parents, rng):
    chances = {}
    for name in parents:
        p = rng.uniform(0.1, 0.9, [2] * len(parents[name]))
        chances[name] = np.stack([1 - p, p], axis=-1)
    return chances


def g_formula(table, order, decisions, outcome, sets, reads):
    """Sum over histories of E[Y | history] times the chance of each set given its past."""
    place = {name: axis for axis, name in enumerate(order)}
    total = 0.0
    covariates = sorted(set().union(*map(set, sets)))
    for levels in np.ndindex(*[2] * len(covariates)):
        value, history, weight = dict(zip(covariates, levels, strict=True)), {}, 1.0
        for decision, own in zip(decisions, sets, strict=True):
            before = chance_of(table, place, history)
            history |= {name: value[name] for name in own}
            weight *= chance_of(table, place, history) / before
            history[decision] = (1 + sum(history[name] for name in reads[decision])) % 2
        both = chance_of(table, place, history | {outcome: 1})
        total += weight * both / chance_of(table, place, history)
    return total


def chance_of(table, place, given):
    index = [slice(None)] * table.ndim
    for name, value in given.items():
        index[place[name]] = value
    return table[tuple(index)].sum()


def test_valid_sets_give_the_mean_under_the_regime_and_others_do_not():
    """In random 0/1 worlds the g-formula equals graph surgery, static and dynamic."""
    wrong = {True: 0, False: 0}
    for parents, decisions, outcome, sets, reads, rng in random_plans(600, seed=22):
        for read in (dict.fromkeys(decisions, ()), reads):
            chances = random_chances(parents, rng)
            seen = binary_joint(parents, chances)
            acted_parents = parents | read
            acted = dict(chances)
            for name in decisions:
                grid = np.indices([2] * len(read[name])).sum(axis=0) if read[name] else np.array(0)
                one = (1 + grid) % 2
                acted[name] = np.stack([1 - one, one], axis=-1)
            order = list(parents)
            after = binary_joint(acted_parents, acted)
            truth = chance_of(after, {n: i for i, n in enumerate(order)}, {outcome: 1})
            found = g_formula(seen, order, decisions, outcome, sets, read)
            rules = {name: rule(names) for name, names in read.items() if names}
            ask = {"treatments": decisions, "outcome": outcome, "adjust_for": sets}
            verdict = sequential_backdoor(digraph(parents), **ask, regime=rules)
            if verdict:
                assert abs(found - truth) < 1e-12
            wrong[verdict.valid] += abs(found - truth) > 1e-6
    assert wrong[True] == 0
    assert wrong[False] > 300


def test_talent_is_enough_at_first_and_silence_is_needed_later():
    graph = scenarios.mid_flight().model.graph
    sets = [["talent"], ["silence_1"], ["silence_2"]]
    verdict = sequential_backdoor(graph, **MID_FLIGHT, adjust_for=sets)
    assert verdict.valid
    first, second, third = verdict.decisions
    assert first.needed == {"talent": "mismatch_0 <- talent -> exit"}
    assert second.needed == {"silence_1": "mismatch_1 <- silence_1 <- resilience -> exit"}
    assert third.past == ("mismatch_0", "mismatch_1", "silence_1", "talent")
    assert str(verdict).splitlines() == [
        "The joint effect of mismatch_0, mismatch_1 and mismatch_2 on exit is identified by these "
        "sets.",
        "Decision 1, mismatch_0: {talent} is enough: every backdoor path to exit is blocked, and "
        "nothing in it is a descendant of this or a later decision. Without talent the path "
        "mismatch_0 <- talent -> exit is open.",
        "Decision 2, mismatch_1, given {mismatch_0, talent}: {silence_1} is enough: every backdoor "
        "path to exit is blocked, and nothing in it is a descendant of this or a later decision. "
        "Without silence_1 the path mismatch_1 <- silence_1 <- resilience -> exit is open.",
        "Decision 3, mismatch_2, given {mismatch_0, mismatch_1, silence_1, talent}: {silence_2} is "
        "enough: every backdoor path to exit is blocked, and nothing in it is a descendant of this "
        "or a later decision. Without silence_2 the path mismatch_2 <- silence_2 <- resilience -> "
        "exit is open.",
    ]


def test_silence_left_out_fails_the_later_decisions_and_silence_at_once_fails_the_first():
    graph = scenarios.mid_flight().model.graph
    without = sequential_backdoor(graph, **MID_FLIGHT, adjust_for=[["talent"], [], []])
    assert [decision.valid for decision in without.decisions] == [True, False, False]
    assert without.decisions[1].open_paths == ("mismatch_1 <- silence_1 <- resilience -> exit",)
    flat = [["talent", "silence_1", "silence_2"], [], []]
    at_once = sequential_backdoor(graph, **MID_FLIGHT, adjust_for=flat)
    assert [decision.valid for decision in at_once.decisions] == [False, True, True]
    assert "is not identified by these sets." in str(at_once)
    assert str(at_once.decisions[0]) == (
        "Decision 1, mismatch_0: {silence_1, silence_2, talent} is not valid: silence_1 and "
        "silence_2 are descendants of mismatch_0. It opens the colliders silence_1 and silence_2."
    )


def test_a_descendant_of_a_later_decision_is_named_with_that_decision():
    verdict = sequential_backdoor(["A1 -> L -> Y", "A0 -> Y"], **A0_A1, adjust_for=["L", ()])
    assert str(verdict.decisions[0]) == "Decision 1, A0: {L} is not valid: L is a descendant of A1."


def test_one_decision_is_judged_as_the_backdoor_criterion_judges_it():
    for parents, treatment, outcome, _ in random_questions(100, seed=23):
        ask = {"outcome": outcome}
        for given in subsets(set(parents) - {treatment, outcome}):
            one = sequential_backdoor(
                digraph(parents), treatments=treatment, adjust_for=[given], **ask
            )
            other = backdoor(digraph(parents), treatment=treatment, adjust_for=given, **ask)
            assert one.valid == other.valid
            assert one.decisions[0].open_paths == other.open_paths


def test_a_rule_that_reads_a_covariate_may_need_more_than_a_number():
    """A covariate that is harmless while the later decision is a number opens a path by a rule."""
    graph = ["A0 <- U -> L", "A0 -> Y", "A1 -> Y", "L -> A1"]
    ask = {**A0_A1, "adjust_for": [(), ["L"]]}
    assert sequential_backdoor(graph, **ask)
    verdict = sequential_backdoor(graph, **ask, regime={"A1": lambda L: L})
    assert verdict.decisions[0].open_paths == ("A0 <- U -> L -> A1 -> Y",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"treatments": []}, "treatments is empty; name the decisions"),
        ({"adjust_for": [[]]}, "adjust_for has 1 sets for 2 treatments; give a list with one set"),
        ({"treatments": ["A1", "A0"]}, "A0 is a cause of A1 and named after it; list .* order"),
        ({"treatments": ["A0", "A0"]}, "'A0' is named twice"),
        (
            {"treatments": ["A0", "Y"]},
            "'Y' is named twice; name each decision and the outcome once",
        ),
        ({"treatments": ["A0", "B"]}, "no variable 'B' in the graph"),
        ({"adjust_for": [["A1"], []]}, r"adjust_for\[0\] contains A1, which is decided later"),
        ({"adjust_for": [["Y"], []]}, r"adjust_for\[0\] contains the outcome 'Y'"),
        ({"adjust_for": [[], ["W"]]}, "no variable 'W' in the graph"),
        ({"regime": {"L": 1}}, "the regime sets 'L', which is not among the treatments; add it"),
        ({"regime": {"A0": lambda L: L}}, "the rule of A0 reads L, which is not part of its past"),
        ({"regime": {"A1": lambda W: W}}, "no variable 'W' in the graph"),
    ],
)
def test_plans_that_cannot_be_judged_are_refused(changes, message):
    ask = {**A0_A1, "adjust_for": [[], ["L"]]}
    with pytest.raises(ValueError, match=message):
        sequential_backdoor(LOOP, **ask | changes)


def test_the_advice_on_a_rule_is_enough():
    ask = {**A0_A1, "regime": {"A1": lambda L: L}}
    with pytest.raises(
        ValueError, match="name it in adjust_for of this decision or an earlier one"
    ):
        sequential_backdoor(LOOP, **ask, adjust_for=[[], []])
    assert sequential_backdoor(LOOP, **ask, adjust_for=[[], ["L"]])
