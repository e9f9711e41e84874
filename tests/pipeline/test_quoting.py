"""No value that can come from data stands unquoted in what a process gives to the shell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline

# What Nextflow and the configuration say, which the user wrote: no data.
OWN = {"task", "workflow"}
STRING = r"\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
COLLECT = r"(\[[\w, ]+\]|\w+)(?:\.transpose\(\)|\.flatten\(\))?\.collect \{ ([\w, ]+) ->"


def interpolations(text: str) -> Iterator[str]:
    """Every ``${...}`` of a text, whole, with those inside of it."""
    for start in re.finditer(r"(?<!\\)\$\{", text):
        depth, end = 1, start.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield text[start.end() : end - 1]


def without_quoted(text: str) -> str:
    """A text without the calls of ``shellQuoted``, whatever they hold."""
    while (at := text.find("shellQuoted(")) >= 0:
        depth, end = 1, at + len("shellQuoted(")
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = f"{text[:at]}''{text[end:]}"
    return text


def values(expression: str) -> set[str]:
    """The names whose values an expression can have: not what it only asks, not its texts."""
    plain = re.sub(COLLECT, "", expression)
    plain = re.sub(STRING, "''", plain, flags=re.DOTALL)  # looked at as interpolations
    plain = re.sub(r"(^|: |\()[^:]*? \? ", " ", plain)
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", plain))


def inputs(source: str, kind: str) -> set[str]:
    """The names of a process's inputs of a kind, ``val`` or ``path``."""
    block = re.search(r"^ +input:\n(.*?)^ +output:", source, re.MULTILINE | re.DOTALL)
    assert block
    return set(re.findall(rf"\b{kind}\(?\s*(\w+)", block[1]))


def parameters_of_paths(text: str, paths: set[str]) -> tuple[set[str], set[str]]:
    """The parameters of closures over inputs: those that are paths, and all others."""
    safe: set[str] = set()
    every: set[str] = set()
    for over, names in re.findall(COLLECT, text):
        given, taken = re.findall(r"\w+", over), re.findall(r"\w+", names)
        assert len(given) == len(taken), over
        every |= set(taken)
        safe |= {one for source, one in zip(given, taken, strict=True) if source in paths}
    assert every >= set(re.findall(r"\{ (\w+)[\w, ]* ->", text))
    return safe, every - safe


def unquoted(source: str) -> list[str]:
    """Every place of a module's script and stub where data may reach the shell as it is."""
    text = re.search(r"^    script:\n.*?^}", source, re.MULTILINE | re.DOTALL)
    assert text
    body = without_quoted(re.sub(r"^ *//.*$", "", text[0], flags=re.MULTILINE))
    paths = inputs(source, "path")
    safe, unsafe = parameters_of_paths(body, paths)
    unsafe |= inputs(source, "val")
    defined = re.findall(r"^ +def (\w+) = (.*?)(?=^ +(?:def |if |\"|stub:))", body, re.M | re.S)
    for name, value in defined:
        if values(value) & unsafe:
            unsafe.add(name)
    known = paths | safe | OWN | {name for name, _ in defined}
    wrong = []
    for expression in interpolations(body):
        found = values(expression)
        wrong += [expression] if found & unsafe or not found <= known else []
    return wrong


def modules(repository: Path) -> list[Path]:
    found = sorted(repository.glob("modules/local/*/main.nf"))
    assert len(found) > 20
    return found


def test_no_value_from_data_stands_unquoted_in_a_script_or_stub(repository):
    for module in modules(repository):
        assert unquoted(module.read_text()) == [], module.parent.name


@pytest.mark.parametrize(
    ("name", "quoted", "bare"),
    [
        ("finetune", "--task ${shellQuoted(meta.task)} ", "--task ${meta.task} "),
        ("finetune", "--task ${shellQuoted(meta.task)} ", "--task '${meta.task}' "),
        (
            "finetune",
            "def folder = shellQuoted(resultFolder(meta))",
            "def folder = resultFolder(meta)",
        ),
        ("variant_frequencies", "${shellQuoted(contig)}", "'${contig}'"),
        (
            "variant_frequencies",
            "touch frequencies/contig.arrow",
            "touch 'frequencies/${contig}.arrow'",
        ),
        ("predict", 'touch ${shellQuoted("${meta.task}.${meta.model}")}', "touch ${meta.task}"),
        ("baseline", '"--metric ${shellQuoted(meta.metric)}"', '"--metric ${meta.metric}"'),
        ("summarize", "shellQuoted(row)", "row"),
        ("summarize", "${shellQuoted(table.simpleName)}=", "${row}="),
        ("pretrain", "--weight ${shellQuoted(weight)}", "--weight ${weight}"),
        ("compare_tokenizers", "${shellQuoted(name)}=${tokenizer}", "${name}=${tokenizer}"),
        ("build_task_annotation", "name=${shellQuoted(", "name=${("),
    ],
)
def test_one_that_does_would_be_found(repository, name, quoted, bare):
    source = (repository / f"modules/local/{name}/main.nf").read_text()
    assert quoted in source
    assert unquoted(source.replace(quoted, bare)) != []


def test_modules_that_quote_have_the_one_function_for_it(repository):
    line = "include { shellQuoted } from '../../../subworkflows/local/utils_params/main'\n"
    for module in modules(repository):
        source = module.read_text()
        assert source.startswith(line) == ("shellQuoted(" in source), module.parent.name


def test_text_parameters_in_options_are_single_words(repository):
    schema = json.loads((repository / "nextflow_schema.json").read_text())
    groups = schema["$defs"].values()
    properties = {name: one for group in groups for name, one in group["properties"].items()}
    free = {
        name
        for name, one in properties.items()
        if one["type"] == "string" and "enum" not in one and one.get("list_of") != "integer"
    }
    # What the user adds on purpose: several words, of letters that no shell reads.
    added = {name for name in free if name.endswith("_options") and name != "cluster_options"}
    assert added
    for name in added:
        assert re.fullmatch(r"\^\[A-Za-z0-9 [.,:_=-]+\]\+\$", properties[name]["pattern"])
    config = (repository / "conf/modules.config").read_text()
    used = set(re.findall(r"params\.(\w+)", config)) & free - added - {"outdir"}
    assert {"frequency_field", "dev_contigs"} <= used
    for name in used:
        assert not re.fullmatch(properties[name]["pattern"], "a'b"), name
        lines = [line for line in config.splitlines() if f"params.{name}" in line]
        assert all(re.search(r" '\$\{[^{}]*\}'", line) for line in lines), name
