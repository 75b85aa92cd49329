"""The recipes that tests/field/run.py tries on each family, and what each has to give."""

from structure_cases import gradients, layouts, modules, slices, stages, whole_models, with_adapters
from vocabulary_cases import chat_templates, tokenizers

FORMS = (whole_models, gradients, slices, modules, stages, layouts, with_adapters, tokenizers, chat_templates)


def cases_of(family):
    for form in FORMS:
        yield from form(family)
