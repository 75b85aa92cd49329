// tests/field/chat_templates.py reads these texts here and shows what they render.
#include "tokenizer/built_in_templates.hpp"

namespace stockpot::tokenizer {
namespace {

// Blocks with a blank line between them. Of several system texts the last one counts.
constexpr std::string_view alpaca = R"jinja(
{%- set page = namespace(system=[], blocks=[]) -%}
{%- set titles = {'user': 'Instruction', 'assistant': 'Response', 'user_context': 'Input'} -%}
{%- for turn in messages -%}
  {%- set text = turn['content'] | trim -%}
  {%- if turn['role'] == 'system' -%}
    {%- set page.system = [text] if text else [] -%}
  {%- elif turn['role'] in titles -%}
    {%- set page.blocks = page.blocks + ['### ' + titles[turn['role']] + ':\n' + text] -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and not (messages and messages[-1]['role'] == 'assistant') -%}
  {%- set page.blocks = page.blocks + ['### Response:\n'] -%}
{%- endif -%}
{{- (page.system + page.blocks) | join('\n\n') -}}
)jinja";

constexpr std::string_view chatml = R"jinja(
{%- for turn in messages -%}
  {{- '<|im_start|>' + turn['role'] + '\n' + turn['content'] + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' -}}
{%- endif -%}
)jinja";

// Without a system text there is a system turn all the same, an empty one.
constexpr std::string_view exaone = R"jinja(
{%- for turn in messages -%}
  {%- if loop.first and turn['role'] != 'system' -%}
    {{- '[|system|][|endofturn|]\n' -}}
  {%- endif -%}
  {{- '[|' + turn['role'] + '|]' + turn['content'] -}}
  {{- '\n' if turn['role'] == 'user' else '[|endofturn|]\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '[|assistant|]' -}}
{%- endif -%}
)jinja";

constexpr std::string_view llama3 = R"jinja(
{%- for turn in messages -%}
  {%- if loop.first -%}
    {{- bos_token -}}
  {%- endif -%}
  {{- '<|start_header_id|>' + turn['role'] + '<|end_header_id|>\n\n' -}}
  {{- (turn['content'] | trim) + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
{%- endif -%}
)jinja";

// A system text has no turn of its own: the first user text takes it in.
constexpr std::string_view mistral = R"jinja(
{%- set with_system = messages and messages[0]['role'] == 'system' -%}
{%- set turns = messages[1:] if with_system else messages -%}
{{- bos_token -}}
{%- for turn in turns -%}
  {%- if turn['role'] != ('user' if loop.index0 is even else 'assistant') -%}
    {{- raise_exception('after an optional system message, roles must alternate: user, assistant, user, ...') -}}
  {%- elif turn['role'] == 'assistant' -%}
    {{- ' ' + turn['content'] -}}
    {{- eos_token -}}
  {%- elif loop.first and with_system -%}
    {{- ' [INST] ' + messages[0]['content'] + '\n\n' + turn['content'] + ' [/INST]' -}}
  {%- else -%}
    {{- ' [INST] ' + turn['content'] + ' [/INST]' -}}
  {%- endif -%}
{%- endfor -%}
)jinja";

/// Without the line breaks that make the literals easy to read.
constexpr std::string_view inner(std::string_view literal) { return literal.substr(1, literal.size() - 2); }

}  // namespace

const std::vector<std::pair<std::string_view, std::string_view>>& built_in_templates() {
  static const std::vector<std::pair<std::string_view, std::string_view>> templates{{"alpaca", inner(alpaca)},
                                                                                    {"chatml", inner(chatml)},
                                                                                    {"exaone", inner(exaone)},
                                                                                    {"llama3", inner(llama3)},
                                                                                    {"mistral", inner(mistral)}};
  return templates;
}

}  // namespace stockpot::tokenizer
