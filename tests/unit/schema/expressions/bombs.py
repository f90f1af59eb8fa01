"""Texts that try to take more time or memory than a rendering may have."""

from __future__ import annotations

from typing import Final

_FILLS = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

BOMBS: Final = {
    "repetition": "{{ 'a' * 10**9 }}",
    "repetition, four bytes each": "{{ '😀' * 5000000 ~ '😀' * 5000000 ~ '😀' * 5000000 ~ '😀' * 5000000 ~ '😀' * 9000000 }}",
    "range": "{{ range(10**9) }}",
    "range of ranges": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "nested loops": "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
    "loop over long text": "{% for i in range(90000) %}" + _FILLS * 1000 + "{% endfor %}",
    "doubling": "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 40 + "{{ x|length }}",
    "doubling a list": "{% set x = [1, 2] %}" + "{% set x = x + x %}" * 40 + "{{ x|length }}",
    "sharing": "{% set x = ['y'] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
    "sharing, compared": "{% set x = ['y'] %}{% set z = ['y'] %}"
    + "{% set x = [x, x] %}{% set z = [z, z] %}" * 60
    + "{{ x == z }}",
    "sharing, as JSON": "{% set x = ['y'] %}" + "{% set x = [x, x] %}" * 50 + "{{ x|to_json }}",
    "sharing, as a value": "{{ [[[[[[vars.list] * 100] * 100] * 100] * 100] * 100] * 100 }}",
    "nesting": "{% set x = [] %}" + "{% set x = [x] %}" * 2000 + "{{ x }}",
    "padding": "{{ 'a'|center(10**9) }}",
    "indent": "{{ 'a'|indent(10**9) }}",
    "indent many": "{{ ('a\n' * 1000000)|indent(9999) }}",
    "format": "{{ '%1000000000d'|format(1) }}",
    "format many": "{{ ('%9999d' * 9999)|format(" + "1, " * 100 + ") }}",
    "replace": "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
    "replace nothing": "{{ ('a' * 100000)|replace('', 'b' * 100000) }}",
    "join": "{{ range(100000)|join('b' * 100000) }}",
    "batch": "{{ [1]|batch(10**9, 'x') }}",
    "slice": "{{ [1]|slice(10**8)|list }}",
    "power": "{{ 9 ** 9 ** 9 ** 9 }}",
    "power, negative": "{{ (0 - 9) ** 99999999 }}",
    "round": "{{ 5|round(-10**9) }}",
    "factorials": "{% set x = 2 %}" + "{% set x = x * x %}" * 200 + "{{ x }}",
    "binary digits": "{{ ('1' * 9000000)|int(base=2) }}",
    "indented JSON": "{{ [[[[[[1]]]]]]|to_json(10**9) }}",
    "title": "{% for i in range(1000) %}{% set x = ('a ' * 100000)|title %}{% endfor %}",
    "sort": "{% for i in range(1000) %}{% set x = range(100000)|sort %}{% endfor %}",
    "sort texts": "{% set x = ['a' * 100000 ~ 'x'] * 1000 %}{% for i in range(1000) %}{% set y = x|sort %}{% endfor %}",
    "search": "{% set x = 'a' * 4000000 %}{% for i in range(100000) %}{% if 'b' in x %}{% endif %}{% endfor %}",
    "compare": "{% set x = 'a' * 4000000 %}{% set y = 'a' * 4000000 %}"
    "{% for i in range(100000) %}{% if x == y %}{% endif %}{% endfor %}",
    "split": "{% for i in range(1000) %}{% set x = ('a,' * 100000).split(',') %}{% endfor %}",
    "quote": '{{ ("\'" * 10000000)|quote }}',
    "urlencode": "{{ ('😀' * 5000000)|urlencode }}",
    "to_yaml": "{{ ([vars.map] * 100000)|to_yaml }}",
    "many names": "".join(f"{{% set x{i} = 1 %}}" for i in range(3000)) + "{% for i in range(90000) %}{% endfor %}",
    "many words": "{{ vars.list }}" * 100_000,
    "one long tag": "{{ [" + "1, " * 100_000 + "] }}",
    "deep brackets": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "deep lists": "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "deep conditions": "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "long chain": "{{ 1" + " + 1" * 5000 + " }}",
    "long filter chain": "{{ 'a'" + "|upper" * 5000 + " }}",
    "many nots": "{{ " + "not " * 5000 + "1 }}",
    "many signs": "{{ " + "- " * 5000 + "1 }}",
    "open quotes": "{{ " + "'" * 99_999 + " }}",
    "open tags": "{{ " * 100_000,
    "open comments": "{# " * 100_000,
    "open raws": "{% raw %}" * 50_000,
    "white space": "{%" + " " * 1_000_000 + "raw",
    "too long": "x" * 5_000_000 + "{{ 1 }}",
    "host calls": "{% for i in range(100000) %}{% if file_exists('/x') %}{% endif %}{% endfor %}",
}
"""Name → template. Each must end in an `ExpressionError`."""

HARMLESS: Final = {
    "big output": "{% for i in range(20000) %}{{ i }} " + "x" * 100 + "\n{% endfor %}",
    "many small loops": "{% for i in range(300) %}{% for j in range(300) %}x{% endfor %}{% endfor %}",
    "big text": "{{ ('a' * 1000000)|upper|length }}",
    "bar": "{{ '=' * 78 }}",
    "digits": "{{ ('9' * 10000000)|int }}",
    "many users": "{% for i in range(5000) %}user{{ i }}:x:{{ 1000 + i }}:{{ '%05d'|format(i) }}\n{% endfor %}",
}
"""Name → template. What real files need must still go through."""
