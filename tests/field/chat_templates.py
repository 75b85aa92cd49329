"""Shows what the built-in chat templates render, next to what they should, and fails where the two differ.

    python tests/field/chat_templates.py        needs jinja2; asks transformers, too, if it is there

The expected texts are written out by hand. Each template is rendered as transformers does it (its trim_blocks and
lstrip_blocks), and as Jinja does by default: both must give the same.
"""

import pathlib
import re
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src/tokenizer/built_in_templates.cpp"


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


PLAIN = turns(("user", "Hi"), ("assistant", "Hello"), ("user", " Bye \n"))
WITH_SYSTEM = turns(("system", "Be nice."), ("user", "Hi"))
ANSWERED = turns(("user", "Hi"), ("assistant", "Hello"))
FAILS = object()

# template, messages, generation prompt, expected text; the BOS token is <s>, the EOS token </s>.
CASES = [
    ("chatml", PLAIN, False,
     "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\n Bye \n<|im_end|>\n"),
    ("chatml", WITH_SYSTEM, True,
     "<|im_start|>system\nBe nice.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
    ("chatml", [], True, "<|im_start|>assistant\n"),
    ("llama3", PLAIN, True,
     "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
     "Hello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\n"),
    ("llama3", WITH_SYSTEM, False,
     "<s><|start_header_id|>system<|end_header_id|>\n\nBe nice.<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"),
    ("mistral", PLAIN, False, "<s> [INST] Hi [/INST] Hello</s> [INST]  Bye \n [/INST]"),
    ("mistral", WITH_SYSTEM, True, "<s> [INST] Be nice.\n\nHi [/INST]"),
    ("mistral", turns(("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c")), True,
     "<s> [INST] S\n\na [/INST] b</s> [INST] c [/INST]"),
    ("mistral", turns(("user", "a"), ("user", "b")), False, FAILS),
    ("mistral", turns(("assistant", "a")), False, FAILS),
    ("mistral", turns(("user", "a"), ("system", "b")), False, FAILS),
    ("alpaca", PLAIN, False, "### Instruction:\nHi\n\n### Response:\nHello\n\n### Instruction:\nBye"),
    ("alpaca", WITH_SYSTEM, True, "Be nice.\n\n### Instruction:\nHi\n\n### Response:\n"),
    ("alpaca", ANSWERED, True, "### Instruction:\nHi\n\n### Response:\nHello"),
    ("alpaca", turns(("system", "old"), ("user", "Sum"), ("user_context", " 1 2 "), ("system", "new")), True,
     "new\n\n### Instruction:\nSum\n\n### Input:\n1 2\n\n### Response:\n"),
    ("alpaca", [], True, "### Response:\n"),
    ("exaone", PLAIN, True,
     "[|system|][|endofturn|]\n[|user|]Hi\n[|assistant|]Hello[|endofturn|]\n[|user|] Bye \n\n[|assistant|]"),
    ("exaone", WITH_SYSTEM, False, "[|system|]Be nice.[|endofturn|]\n[|user|]Hi\n"),
]


def templates():
    found = dict(re.findall(r'string_view (\w+) = R"jinja\(\n(.*?)\n\)jinja"', SOURCE.read_text(), re.DOTALL))
    assert sorted(found) == ["alpaca", "chatml", "exaone", "llama3", "mistral"], sorted(found)
    return found


def with_jinja(**settings):
    def fail(message):
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(**settings)
    environment.globals["raise_exception"] = fail

    def render(template, messages, generation):
        return environment.from_string(template).render(
            messages=messages, add_generation_prompt=generation, bos_token="<s>", eos_token="</s>")

    return render


def with_transformers():
    try:
        from transformers.utils.chat_template_utils import render_jinja_template
    except ImportError:
        return None

    def render(template, messages, generation):
        rendered, _ = render_jinja_template([messages], chat_template=template, add_generation_prompt=generation,
                                            bos_token="<s>", eos_token="</s>")
        return rendered[0]

    return render


def main():
    renderers = {"as transformers": with_jinja(trim_blocks=True, lstrip_blocks=True,
                                               extensions=["jinja2.ext.loopcontrols"]),
                 "plain Jinja": with_jinja()}
    if library := with_transformers():
        renderers["transformers"] = library
    texts, wrong = templates(), 0
    for name, messages, generation, expected in CASES:
        print(f"{name}: {[m['role'] for m in messages]}{' + generation prompt' if generation else ''}")
        print(f"  {'expected':15} {'fails' if expected is FAILS else repr(expected)}")
        for how, render in renderers.items():
            try:
                rendered = render(texts[name], messages, generation)
            except jinja2.TemplateError:
                rendered = FAILS
            wrong += rendered != expected
            mark = "" if rendered == expected else "   <-- DIFFERS"
            print(f"  {how:15} {'fails' if rendered is FAILS else repr(rendered)}{mark}")
    print(f"{len(CASES)} cases, {len(renderers)} renderers, {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
