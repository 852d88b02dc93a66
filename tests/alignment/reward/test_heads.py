import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from alignment.reward.heads import Head, Scale, fit, mean_loss

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(400, 6)).astype(np.float32) * [1, 2, 3, 4, 5, 0] + 1
TRUTH = np.array([1.0, -0.5, 0.2, 0.0, 0.1, 0.0])
GOOD = RNG.random(400) < 1 / (1 + np.exp(-(FEATURES @ TRUTH - 1)))
SCALE = Scale.of(FEATURES)


def test_ratings_are_fitted_like_a_logistic_regression():
    rows, strength = SCALE.rating_rows(FEATURES, GOOD), 0.01

    solution = fit(rows, strength, np.zeros(7))

    standard = (FEATURES - SCALE.mean) / SCALE.deviation
    oracle = LogisticRegression(C=1 / (strength * 400), tol=1e-10, max_iter=10_000).fit(standard, GOOD)
    assert np.allclose(solution, [*oracle.coef_[0], oracle.intercept_[0]], atol=1e-5)


def test_pairs_are_fitted_like_a_logistic_regression_of_differences_without_intercept():
    chosen, rejected = FEATURES[:200] + TRUTH, FEATURES[200:]
    rows, strength = SCALE.pair_rows(chosen, rejected), 0.01

    solution = fit(rows, strength, np.zeros(7))

    both = np.concatenate([rows[:, :-1], -rows[:, :-1]])
    labels = np.repeat([True, False], 200)
    oracle = LogisticRegression(C=1 / (strength * 400), fit_intercept=False, tol=1e-10, max_iter=10_000)
    assert np.allclose(solution[:-1], oracle.fit(both, labels).coef_[0], atol=1e-5)
    assert solution[-1] == 0


def test_the_gradient_is_zero_at_the_solution():
    rows = SCALE.rating_rows(FEATURES, GOOD)
    solution = fit(rows, 0.1, np.zeros(7))

    for direction in np.eye(7):
        step = 1e-4 * direction
        ahead, behind = (
            mean_loss(rows, at) + 0.05 * float(at[:-1] @ at[:-1]) for at in (solution + step, solution - step)
        )
        assert abs(ahead - behind) / 2e-4 < 1e-5


def test_the_head_gives_the_logits_of_the_solution_on_features_that_are_not_standardised():
    rows = SCALE.rating_rows(FEATURES, np.ones(400, dtype=bool))
    solution = fit(SCALE.rating_rows(FEATURES, GOOD), 0.01, np.zeros(7))

    assert np.allclose(SCALE.head(solution).logits(FEATURES), rows @ solution)


def test_a_feature_that_never_changes_gets_no_weight():
    solution = fit(SCALE.rating_rows(FEATURES, GOOD), 0.01, np.zeros(7))

    assert abs(solution[5]) < 1e-9


def test_a_wrong_answer_that_was_certain_costs_much_and_stays_finite():
    rows = np.array([[-1000.0, 0.0]])

    assert mean_loss(rows, np.array([1.0, 0.0])) == pytest.approx(1000)


@given(st.integers(1, 400))
def test_a_logit_does_not_depend_on_the_other_rows(count):
    head = Head(TRUTH, 0.3)

    assert head.logits(FEATURES[:count])[0] == head.logits(FEATURES)[0]


def test_data_without_a_finite_solution_is_an_error_and_no_model():
    rows = np.full((3, 2), np.nan)

    with pytest.raises(ArithmeticError, match="did not converge"):
        fit(rows, 0.1, np.zeros(2))
