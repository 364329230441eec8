"""Templates: what may be written, what is refused with its line, and that values stay values."""

from __future__ import annotations

import pytest

from gatewayd.domain.template import MAX_RESULT, MAX_SOURCE, MAX_VALUE, compile
from gatewayd.errors import TextError


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Bonjour {{ prenom }} !", "Bonjour Zoé !"),
        ("{{prenom|upper}} {{ nom|lower }}", "ZOÉ d'étretat"),
        ("{{ nom|title }}", "D'Étretat"),
        ("{{ blancs|trim }}", "a"),
        ("{{ absent|default('vous') }}", "vous"),
        ("{{ vide|default('vous', true) }}", "vous"),
        ("{{ vide|default('vous') }}", ""),
        ("{% if cotisation == 'oui' %}Merci{% else %}Pensez-y{% endif %}", "Merci"),
        ("{% if vide %}a{% elif prenom in 'Zoé, Léo' and not vide %}b{% endif %}", "b"),
        ("{# pour le bureau #}Bonjour", "Bonjour"),
        ("5 % et {100} €", "5 % et {100} €"),
    ],
)
def test_fields_filters_and_if(source: str, text: str) -> None:
    fields = {"prenom": "Zoé", "nom": "D'ÉTRETAT", "blancs": "  a ", "vide": "", "cotisation": "oui"}
    assert compile(source).render(fields) == text


@pytest.mark.parametrize(
    "construction",
    [
        "{{ a.b }}",
        "{{ a['b'] }}",
        "{{ a[0:1] }}",
        "{{ a() }}",
        "{{ a.__class__.__mro__ }}",
        "{{ 7*7 }}",
        "{{ -a }}",
        "{{ a ~ b }}",
        "{{ [a] }}",
        "{{ {'a': b} }}",
        "{{ a if b else c }}",
        "{{ a is defined }}",
        "{{ 1e300 }}",
        "{{ none }}",
        "{{ self }}",
        "{{ loop }}",
        "{{ _a }}",
        "{{ a|replace('a', 'b') }}",
        "{{ a|attr('b') }}",
        "{{ a|upper(1) }}",
        "{{ a|default(*b) }}",
        "{{ a|default(value='b') }}",
        "{% for x in a %}{{ x }}{% endfor %}",
        "{% set a = 'b' %}",
        "{% include 'a' %}",
        "{% import 'a' as b %}",
        "{% extends 'a' %}",
        "{% block a %}{% endblock %}",
        "{% macro a() %}{% endmacro %}",
        "{% filter upper %}a{% endfilter %}",
        "{% unknown %}",
        "{% if a %}",
        "{{ a",
    ],
)
def test_all_the_rest_is_refused_with_its_line(construction: str) -> None:
    with pytest.raises(TextError, match=r"^template line 3: "):
        compile(f"Bonjour,\n\n{construction}")


def test_a_field_which_no_column_gives_is_refused_when_compiled() -> None:
    with pytest.raises(TextError, match=r"^template line 2: no field named prenon; there are nom, prenom$"):
        compile("Bonjour\n{{ prenon }}", {"nom", "prenom"})


def test_a_field_with_a_default_need_not_exist() -> None:
    template = compile("{{ surnom|default(prenom) }}", {"prenom"})
    assert (template.required, template.optional) == (frozenset({"prenom"}), frozenset({"surnom"}))
    assert template.render({"prenom": "Léo"}) == "Léo"


def test_the_fields_an_if_looks_at_may_be_empty() -> None:
    template = compile("{% if prenom %}{{ prenom }}{% elif nom == 'x' %}{{ titre }}{% endif %}")
    assert template.asked == {"prenom", "nom"}


def test_an_absent_field_is_an_error_and_never_an_empty_word() -> None:
    with pytest.raises(TextError, match="no field named prenom"):
        compile("Bonjour {{ prenom }}").render({})


@pytest.mark.parametrize(
    "value", ["{{ secret }}", "{% for a in b %}", "{0.__class__}", "%(a)s", "<b>&</b>", "{{ 7*7 }}"]
)
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert compile("{{ a }}").render({"a": value, "secret": "x"}) == value


def test_jinjas_globals_are_ordinary_names() -> None:
    with pytest.raises(TextError, match="no field named cycler, lipsum, range"):
        compile("{{ range }}{{ lipsum }}{{ cycler }}").render({})


@pytest.mark.parametrize("operand", ["true", "prenom|default(true)"])
def test_a_comparison_that_cannot_be_made_is_an_error_of_the_text(operand: str) -> None:
    with pytest.raises(TextError, match="cannot be filled"):
        compile(f"{{% if nom in {operand} %}}{{% endif %}}").render({"nom": "a"})


@pytest.mark.parametrize(
    "source",
    [
        "{{" + "(" * 1500 + "a" + ")" * 1500 + "}}",
        "{{ " + "not " * 900 + "a }}",
        "{% if a %}" * 150 + "{% endif %}" * 150,
        "{{ a" + "|upper" * 300 + " }}",
        "x" * (MAX_SOURCE + 1),
    ],
)
def test_depth_and_length_of_the_source_are_bounded(source: str) -> None:
    with pytest.raises(TextError):
        compile(source)


def test_length_of_value_and_result_are_bounded() -> None:
    with pytest.raises(TextError, match="longer than"):
        compile("{{ a }}").render({"a": "x" * (MAX_VALUE + 1)})
    with pytest.raises(TextError, match="characters long"):
        compile("{{ a }}{{ a }}").render({"a": "x" * (MAX_RESULT // 2 + 1)})
