"""Is a reward only a matter of words? How much of it a regression on counted words or characters explains.

A reward model that has learned more than words explains little of itself this way, above all in a language
whose words the regression has never seen.
Shapes: R responses with a reward each, P prompts, B resamples.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import regex  # type: ignore[import-untyped]
from numpy.typing import ArrayLike
from sklearn.feature_extraction.text import CountVectorizer  # type: ignore[import-untyped]
from sklearn.linear_model import Ridge  # type: ignore[import-untyped]
from sklearn.pipeline import Pipeline, make_pipeline  # type: ignore[import-untyped]

from alignment.statistics.columns import EmptyDataError, Floats, Ints, encode, read_numbers
from alignment.statistics.resampling import NUM_RESAMPLES, percentiles, resampled_sums, sums_by

IN_LANGUAGE = "ridge regression on counts; folds by prompt; bootstrap over prompts"
CROSS_LANGUAGE = "ridge regression on counts of another language; bootstrap over prompts"
NUM_FOLDS = 5
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
_INNER_FOLDS = 3
_WORD = regex.compile(r"[\w\p{M}]+")  # vowel signs of Indic scripts belong to their words
_MOST_FEATURES = 50_000  # the commonest; rarer ones are seen too seldom to earn a weight


class Counting(StrEnum):
    """What is counted. Scripts without spaces between words have no words to count: count characters."""

    WORDS = "words"
    CHARACTERS = "characters"  # runs of one to three


class Scored(NamedTuple):
    """Responses of one language with their rewards and prompts (R,)."""

    texts: Sequence[str]
    rewards: ArrayLike
    prompts: ArrayLike


class LexicalFit(NamedTuple):
    """r_squared: share of the variance of rewards that is explained; below 0 if worse than their mean."""

    r_squared: float
    low: float
    high: float
    confidence: float
    num_prompts: int
    num_responses: int
    method: str


def r_squared_in_language(
    scored: Scored, *, counting: Counting, generator: np.random.Generator, confidence: float = 0.95
) -> LexicalFit:
    """R² of rewards that the regression predicts for prompts it was not fitted to.

    Five folds of whole prompts, drawn with `generator`. The penalty of each is the best of PENALTIES on
    folds inside its training prompts. ValueError with fewer than ten prompts, or where rewards are all equal.
    """
    rewards, prompts = _read(scored)
    num_prompts = int(prompts.max()) + 1
    if num_prompts < 2 * NUM_FOLDS:
        raise ValueError(f"Folds by prompt need at least {2 * NUM_FOLDS} prompts.")
    texts = np.array(scored.texts, dtype=object)
    predicted = np.zeros_like(rewards)
    folds = (generator.permutation(num_prompts) % NUM_FOLDS)[prompts]
    for fold in range(NUM_FOLDS):
        held_out = folds == fold
        fitted = _fit(texts[~held_out], rewards[~held_out], prompts[~held_out], counting, generator)
        predicted[held_out] = fitted.predict(texts[held_out])
    return _measure(rewards, predicted, prompts, IN_LANGUAGE, generator, confidence)


def r_squared_cross_language(
    fitted_to: Scored,
    scored: Scored,
    *,
    counting: Counting,
    generator: np.random.Generator,
    confidence: float = 0.95,
) -> LexicalFit:
    """R² of the rewards in one language by the regression fitted to another.

    The regression is the one of `r_squared_in_language`, fitted to all prompts of the other language; what is
    counted and drawn for the interval are prompts of `scored`.
    """
    rewards, prompts = _read(scored)
    other_rewards, other_prompts = _read(fitted_to)
    texts = np.array(fitted_to.texts, dtype=object)
    fitted = _fit(texts, other_rewards, other_prompts, counting, generator)
    predicted = fitted.predict(np.array(scored.texts, dtype=object))
    return _measure(rewards, predicted, prompts, CROSS_LANGUAGE, generator, confidence)


def _read(scored: Scored) -> tuple[Floats, Ints]:
    rewards, prompts = read_numbers(scored.rewards, "Rewards"), encode(scored.prompts).codes
    if not len(scored.texts) == rewards.size == prompts.size:
        raise ValueError("All columns must have the same length.")
    if np.ptp(rewards) == 0:
        raise ValueError("All rewards are equal: there is nothing to explain.")
    return rewards, prompts


def _fit(
    texts: Any, rewards: Floats, prompts: Ints, counting: Counting, generator: np.random.Generator
) -> Pipeline:
    """Fit with the penalty that predicts best on folds of prompts inside; prompts are any numbers (R,)."""
    codes = encode(prompts).codes
    num_prompts = int(codes.max()) + 1
    if num_prompts < _INNER_FOLDS:
        raise ValueError(f"The regression needs at least {_INNER_FOLDS} prompts.")
    folds = (generator.permutation(num_prompts) % _INNER_FOLDS)[codes]

    def squared_error(penalty: float) -> float:
        error = 0.0
        for fold in range(_INNER_FOLDS):
            inside, held_out = folds != fold, folds == fold
            fitted = _fit_with(penalty, texts[inside], rewards[inside], counting)
            error += float(((fitted.predict(texts[held_out]) - rewards[held_out]) ** 2).sum())
        return error

    return _fit_with(min(PENALTIES, key=squared_error), texts, rewards, counting)


def _fit_with(penalty: float, texts: Any, rewards: Floats, counting: Counting) -> Pipeline:
    if Counting(counting) is Counting.WORDS:
        counter = CountVectorizer(tokenizer=_WORD.findall, token_pattern=None, max_features=_MOST_FEATURES)
    else:
        counter = CountVectorizer(analyzer="char", ngram_range=(1, 3), max_features=_MOST_FEATURES)
    try:
        return make_pipeline(counter, Ridge(alpha=penalty)).fit(texts, rewards)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        raise EmptyDataError(f"The responses hold no {counting} to count.") from error


def _measure(
    rewards: Floats,
    predicted: Floats,
    prompts: Ints,
    method: str,
    generator: np.random.Generator,
    confidence: float,
) -> LexicalFit:
    centred = rewards - rewards.mean()
    columns = [np.ones_like(centred), centred, centred**2, (rewards - predicted) ** 2]
    rows = sums_by(prompts, np.stack(columns, axis=1))
    drawn = _r_squared(resampled_sums(rows, num_resamples=NUM_RESAMPLES, generator=generator))
    low, high = percentiles(drawn[np.isfinite(drawn)], confidence)
    return LexicalFit(
        r_squared=float(_r_squared(rows.sum(axis=0, keepdims=True))[0]),
        low=low,
        high=high,
        confidence=confidence,
        num_prompts=rows.shape[0],
        num_responses=rewards.size,
        method=method,
    )


def _r_squared(sums: Floats) -> Floats:
    """From sums (B, 4): responses, rewards, their squares, squared errors; NaN where no reward differs."""
    num, total, squares, errors = sums.T
    spread = squares - total**2 / num
    unexplained: Floats = np.divide(errors, spread, out=np.full_like(spread, np.nan), where=spread > 0)
    return 1 - unexplained
