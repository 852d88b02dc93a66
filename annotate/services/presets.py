"""Experiments to begin with: they fill the form, and everything in it can be changed."""

from dataclasses import dataclass

from annotate.services.drafts import Draft

GEMMA, E5 = "package:gemma3-270m", "package:multilingual-e5-small"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """key: in the address of the form; about: one sentence for whoever chooses."""

    key: str
    name: str
    about: str
    draft: Draft


# Languages and sizes are those of Wu et al. 2024, arXiv 2404.12318: best of 64, 100 prompts for each pair.
PRESETS = {
    preset.key: preset
    for preset in (
        Preset(
            key="quick-look",
            name="Quick look",
            about="The example data on the CPU: some minutes, to see every step once.",
            draft=Draft(
                name="Quick look",
                task="continuation",
                feedback="warm-lines",
                sources=("en",),
                prompts="warm-openings",
                targets=("de", "es"),
                policy=GEMMA,
                backbone=E5,
                half_width=0.25,
            ),
        ),
        Preset(
            key="paper-summarization",
            name="Paper: summarization",
            about="Six languages, ratings of summaries (Seahorse), policies tuned on XL-Sum.",
            draft=Draft(
                name="Summarization in six languages",
                task="summarization",
                feedback="seahorse",
                sources=("de", "en", "es", "ru", "tr", "vi"),
                prompts="xlsum",
                targets=("de", "en", "es", "ru", "tr", "vi"),
                demonstrations="xlsum",
                policy=GEMMA,
                backbone=E5,
                method="full",
                n=64,
                num_prompts=100,
            ),
        ),
        Preset(
            key="paper-dialog",
            name="Paper: dialog",
            about="Three languages, pairs of answers (oasst1), policies tuned on the preferred ones.",
            draft=Draft(
                name="Dialog in three languages",
                task="dialog",
                feedback="oasst1",
                sources=("en", "es", "ru"),
                prompts="oasst1",
                targets=("en", "es", "ru"),
                demonstrations="oasst1",
                policy=GEMMA,
                backbone=E5,
                method="full",
                n=64,
                num_prompts=100,
            ),
        ),
    )
}
