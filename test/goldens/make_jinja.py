"""Writes jinja.json: random templates, and what transformers' environment of jinja2 makes of them (or that it refuses).

python3 -m venv peer && peer/bin/pip install jinja2==3.1.6 transformers==5.24.0
peer/bin/python test/goldens/make_jinja.py [SEED [COUNT [FILE]]]

The templates are drawn here, from a grammar of expressions and statements whose types mostly fit. What depends on
addresses, on the clock or on chance is left out. Stored: seed 0, 1500 templates.
"""
import json
import random
import signal
import sys
import warnings
from datetime import datetime
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template

warnings.simplefilter("ignore")
seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
count = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
target = Path(sys.argv[3]) if len(sys.argv) > 3 else Path(__file__).parent / "jinja.json"
rng = random.Random(seed)

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief.\n"},
        {"role": "user", "content": " Hi <there> \n", "name": "Ann"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nOK", "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"x": 1, "y": [1.5, None, True]}}}]},
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "Adds é", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}}],
    "documents": None,
    "add_generation_prompt": True,
    "bos_token": "<s>",
    "data": {"words": ["pear", "Apple", "fig", "apple"], "numbers": [3, -1, 2, 2], "mixed": [1, "a", None, 2.5], "text": "añ🦙o\tB", "nested": {"a": {"b": [1, {"c": "d"}]}}, "empty": [], "pairs": [["k", 1], ["j", 2]], "rows": [{"n": 2, "s": "b"}, {"n": 1, "s": "B"}, {"n": 2, "s": "a"}]},
}
STRINGS = ["", "a", "abc", " a b  c ", "a,b,,c", "Hello World", "x\ny\n", "ñandú", "🦙é", "it's", '"q"', "<b>&", "A-b c_d", "12", "-3.5", " 7 ", "1e3", "aXbX", "\t tab", "ß", "{x}", "{} {}", "%s-%d", "True", "line\r\nend", "ab\u2028c", "\x1f", "İ", "ΑΣ", "None", "\\n"]


def literal(text):
    quote = rng.choice("'\"")
    special = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", quote: "\\" + quote, "\u2028": "\\u2028", "\x1f": "\\x1f"}
    return quote + "".join(special.get(c, c) for c in text) + quote


def pick(*options):
    return rng.choice(options)


def integer():
    return str(rng.choice([0, 1, 2, 3, -1, 5, 10, -7, 100, 12345678901234567890, 255]))


def gen(kind, depth):
    """An expression that is mostly of a kind."""
    if rng.random() < 0.06:
        kind = pick("str", "int", "float", "bool", "list", "dict", "none", "undefined")
    maker = {"str": text, "int": whole, "float": real, "bool": truth, "list": sequence, "dict": mapping, "any": anything, "none": lambda d: "none", "undefined": lambda d: pick("nope", "messages[9]", "data.nothing", "data['x']")}[kind]
    return maker(depth - 1)


def anything(d):
    return gen(pick("str", "int", "float", "bool", "list", "dict", "str", "list", "none", "undefined"), d)


def text(d):
    if d <= 0 or rng.random() < 0.25:
        return pick(literal(rng.choice(STRINGS)), literal(rng.choice(STRINGS)), "data.text", "messages[1].content", "messages[2]['content']", "bos_token", "data.words[0]")
    s = lambda: gen("str", d)
    i = lambda: gen("int", d)
    forms = [
        lambda: f"{s()}.{pick('strip', 'lstrip', 'rstrip')}({pick('', s())})",
        lambda: f"{s()}.{pick('upper', 'lower', 'title', 'capitalize')}()",
        lambda: f"{s()}.replace({s()}, {s()}{pick('', ', ' + i())})",
        lambda: f"{s()}.{pick('removeprefix', 'removesuffix')}({s()})",
        lambda: f"{s()}.{pick('center', 'ljust', 'rjust')}({rng.randint(0, 12)}{pick('', ', ' + literal('*'))})",
        lambda: f"{s()}.zfill({rng.randint(0, 8)})",
        lambda: f"{s()}.join({gen('list', d)})",
        lambda: f"{s()}.format({gen('any', d)}, {gen('any', d)}{pick('', ', x=' + gen('any', d))})",
        lambda: f"({s()} + {s()})",
        lambda: f"({gen('any', d)} ~ {gen('any', d)})",
        lambda: f"({s()} * {rng.randint(-1, 3)})",
        lambda: f"{s()}[{pick(i(), '0', '-1', '1')}]",
        lambda: f"{s()}[{pick('', i(), '1')}:{pick('', i(), '-1', '2')}{pick('', ':', ':2', ':-1')}]",
        lambda: f"{literal(pick('%s', '%r', '%5s|', '%-4s|', '%d', '%05.1f', '%x', '%+d', '%e', '%g', '%s %s', '%%', '%(x)s', '%.2s'))} % {pick(gen('any', d), '(' + gen('any', d) + ', ' + gen('any', d) + ')', gen('int', d), gen('float', d))}",
        lambda: f"{literal(pick('{:>6}', '{:.2f}', '{0}{0}', '{!r}', '{:,}', '{:05d}', '{:<4}|', '{:^7}|', '{:x}', '{:e}', '{:g}', '{:%}', '{:+}', '{0[a]}', '{0.real}', '{:{}}', '{{}}', '{:s}', '{:d}'))}.format({gen('any', d)}{pick('', ', ' + gen('any', d))})",
        lambda: f"({gen('any', d)}|{pick('string', 'tojson', 'tojson(indent=2)', 'tojson(sort_keys=true)', 'tojson(ensure_ascii=true)', 'tojson(separators=(' + chr(39) + ',' + chr(39) + ', ' + chr(39) + ':' + chr(39) + '))', 'e', 'escape', 'safe', 'forceescape')})",
        lambda: f"({s()}|{pick('upper', 'lower', 'title', 'capitalize', 'trim', 'trim(' + s() + ')', 'reverse', 'wordcount', 'center(9)', 'indent', 'indent(2, true)', 'indent(1, blank=true)', 'indent(' + s() + ')', 'truncate(5)', 'truncate(6, true, leeway=0)', 'truncate(4, false, chr)', 'urlencode', 'first', 'last')})",
        lambda: f"({gen('list', d)}|join({pick('', s(), repr(', '))}))",
        lambda: f"({s()}|replace({s()}, {s()}{pick('', ', ' + i())}))",
        lambda: f"({s()}|default({s()}{pick('', ', true')}))",
        lambda: f"({s()}|format({gen('any', d)}))",
        lambda: f"({gen('any', d)}|attr({s()}))",
        lambda: f"({gen('int', d)}|filesizeformat{pick('', '(true)')})",
        lambda: f"({s()} if {gen('bool', d)}{pick('', ' else ' + s())})",
    ]
    return rng.choice(forms)()


def whole(d):
    if d <= 0 or rng.random() < 0.25:
        return pick(integer(), integer(), "data.numbers[0]", "messages|length")
    i = lambda: gen("int", d)
    s = lambda: gen("str", d)
    forms = [
        lambda: f"({i()} {pick('+', '-', '*', '//', '%')} {i()})",
        lambda: f"({i()} ** {rng.randint(-1, 4)})",
        lambda: f"-{i()}",
        lambda: f"({gen('list', d)}|{pick('length', 'count', 'sum', 'first', 'last', 'max', 'min')})",
        lambda: f"({s()}|{pick('length', 'int', 'int(5)', 'int(base=16)', 'wordcount', 'count')})",
        lambda: f"({gen('any', d)}|int({i()}))",
        lambda: f"({i()}|{pick('abs', 'int', 'round', 'round(-1)')})",
        lambda: f"{s()}.{pick('find', 'rfind', 'count', 'index', 'rindex')}({s()}{pick('', ', ' + i(), ', 1, 3')})",
        lambda: f"{gen('list', d)}.{pick('count', 'index')}({gen('any', d)})",
        lambda: f"{gen('list', d)}[{i()}]",
    ]
    return rng.choice(forms)()


def real(d):
    if d <= 0 or rng.random() < 0.3:
        return pick("1.0", "0.1", "2.5", "1e20", "1e-7", "3.14159", "-0.5", "1.5e300", "123456789.125", "0.0", "1e16", "123456789012345680.0", "0.00001234", "100.0")
    f = lambda: gen(pick("float", "int"), d)
    forms = [
        lambda: f"({f()} {pick('+', '-', '*', '/', '//', '%')} {f()})",
        lambda: f"({f()}|{pick('round', 'round(1)', 'round(2)', 'round(3)', 'float', 'abs', 'round(1, ' + repr('floor') + ')', 'round(1, ' + repr('ceil') + ')')})",
        lambda: f"({gen('any', d)}|float({pick('', f())}))",
        lambda: f"({f()} ** {pick('2', '0.5', '-1')})",
        lambda: f"({gen('list', d)}|{pick('sum', 'max', 'min')})",
    ]
    return rng.choice(forms)()


TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "true", "false", "lower", "upper", "odd", "even", "callable", "escaped"]


def truth(d):
    if d <= 0 or rng.random() < 0.2:
        return pick("true", "false", "True", "False", "add_generation_prompt")
    a = lambda: gen("any", d)
    kind = pick("str", "int", "float", "list", "dict")
    forms = [
        lambda: f"({a()} is {pick('', 'not ')}{rng.choice(TESTS)})",
        lambda: f"({gen('int', d)} is divisibleby({gen('int', d)}))",
        lambda: f"({a()} is {pick('eq', 'ne', 'sameas', '==' and 'equalto', 'in')}({a()}))",
        lambda: f"({gen('int', d)} is {pick('gt', 'ge', 'lt', 'le', 'greaterthan', 'lessthan')} {gen('int', 0)})",
        lambda: f"({gen(kind, d)} {pick('==', '!=')} {gen(kind, d)})",
        lambda: f"({gen(kind, d)} {pick('<', '<=', '>', '>=')} {gen(kind, d)})",
        lambda: f"({gen('int', d)} < {gen('int', d)} <= {gen('float', d)})",
        lambda: f"({gen('str', d)} {pick('in', 'not in')} {pick(gen('str', d), gen('list', d), gen('dict', d))})",
        lambda: f"({a()} {pick('in', 'not in')} {gen('list', d)})",
        lambda: f"({gen('bool', d)} {pick('and', 'or')} {gen('bool', d)})",
        lambda: f"(not {a()})",
        lambda: f"{gen('str', d)}.{pick('startswith', 'endswith')}({pick(gen('str', d), '(' + gen('str', d) + ', ' + gen('str', d) + ')')})",
        lambda: f"{gen('str', d)}.{pick('isdigit', 'isalpha', 'isalnum', 'isspace', 'isupper', 'islower', 'istitle', 'isnumeric', 'isdecimal', 'isidentifier', 'isascii', 'isprintable')}()",
        lambda: f"({a()} {pick('and', 'or')} {a()})",
    ]
    return rng.choice(forms)()


def sequence(d):
    if d <= 0 or rng.random() < 0.2:
        return pick("data.words", "data.numbers", "data.mixed", "messages", "data.rows", "data.pairs", "[]", "[1, 2, 3]", "('a', 'b')", "range(4)", "range(5, 0, -2)", "data.empty", "(1,)", "[[1, 2], [3, 4]]")
    a = lambda: gen("any", d)
    l = lambda: gen("list", d)
    s = lambda: gen("str", d)
    rows = lambda: pick("data.rows", "messages", "data.rows", l())
    listed = lambda inner: f"({inner}|list)"
    forms = [
        lambda: f"[{', '.join(a() for _ in range(rng.randint(0, 3)))}]",
        lambda: f"({', '.join(a() for _ in range(rng.randint(2, 3)))})",
        lambda: f"({l()} + {l()})",
        lambda: f"({l()} * {rng.randint(-1, 2)})",
        lambda: f"{l()}[{pick('', gen('int', d), '1')}:{pick('', gen('int', d), '-1')}{pick('', ':2', ':-1')}]",
        lambda: f"{s()}.{pick('split', 'rsplit')}({pick('', s(), s() + ', ' + pick('0', '1', '2', '-1'), 'none, 1', 'none, 0', 'sep=' + s(), 'maxsplit=1')})",
        lambda: f"{s()}.splitlines({pick('', 'true')})",
        lambda: f"{s()}.{pick('partition', 'rpartition')}({s()})",
        lambda: f"({l()}|sort{pick('', '(reverse=true)', '(case_sensitive=true)')})",
        lambda: f"({rows()}|sort(attribute={pick(repr('n'), repr('s'), repr('n,s'), repr('role'))}))",
        lambda: listed(f"{l()}|{pick('reverse', 'unique', 'unique(true)', 'select', 'reject', 'select(' + repr('string') + ')', 'reject(' + repr('none') + ')', 'select(' + repr('gt') + ', 1)', 'batch(2)', 'batch(2, 0)', 'slice(2)', 'slice(3, ' + repr('-') + ')')}"),
        lambda: listed(f"{l()}|map({pick(repr('upper'), repr('string'), repr('length'), repr('int'), repr('tojson'), repr('default') + ', 1', repr('first'), repr('replace') + ', ' + repr('a') + ', ' + repr('b'))})"),
        lambda: listed(f"{rows()}|map(attribute={pick(repr('n'), repr('s'), repr('role'), '0', repr('content'), repr('name'), repr('function.name'))}{pick('', ', default=' + a())})"),
        lambda: listed(f"{rows()}|{pick('selectattr', 'rejectattr')}({pick(repr('n'), repr('role'), repr('s'), repr('tool_calls'), repr('name'))}{pick('', ', ' + repr('defined'), ', ' + repr('equalto') + ', ' + repr('user'), ', ' + repr('eq') + ', 2', ', ' + repr('in') + ', [2, ' + repr('user') + ']')})"),
        lambda: f"({rows()}|groupby({pick(repr('n'), repr('s'), repr('role'))}{pick('', ', case_sensitive=true', ', default=' + repr('z'))}))",
        lambda: f"({gen('dict', d)}|dictsort{pick('', '(true)', '(by=' + repr('value') + ')', '(reverse=true)')})",
        lambda: listed(f"{gen('dict', d)}{pick('.items()', '.keys()', '.values()', '|items')}"),
        lambda: listed(pick(l(), s(), gen("dict", d))),
        lambda: f"{gen('dict', d)}.{pick('keys', 'values', 'items')}()",
        lambda: f"range({gen('int', d)})",
    ]
    return rng.choice(forms)()


def mapping(d):
    if d <= 0 or rng.random() < 0.25:
        return pick("messages[0]", "data.nested", "{}", "{'a': 1, 'b': 2}", "tools[0].function", "{'B': 1, 'a': none}", "messages[2].tool_calls[0]", "{1: 'x', 1.0: 'y', true: 'z'}", "{'x': 0.1, 'y': [1]}")
    a = lambda: gen("any", d)
    forms = [
        lambda: "{" + ", ".join(f"{gen(pick('str', 'int', 'str'), d)}: {a()}" for _ in range(rng.randint(0, 3))) + "}",
        lambda: f"dict({gen('dict', d)}, x={a()})",
        lambda: f"dict({gen('list', d)})",
        lambda: f"{gen('dict', d)}.copy()",
        lambda: f"{gen('dict', d)}[{gen('str', d)}]",
        lambda: f"{gen('dict', d)}.get({gen('str', d)}{pick('', ', ' + a())})",
        lambda: f"{gen('dict', d)}.{pick('a', 'items', 'function', 'x', 'content', 'pop', 'name')}",
        lambda: f"namespace(a={a()}, b={a()}).{pick('a', 'b', 'c')}",
    ]
    return rng.choice(forms)()


LOOP = ["index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "depth", "depth0", "cycle('x', 'y')", "changed(i)", "nothing"]


def dash():
    return pick("", "", "-", "+")


def block(content):
    return f"{{%{dash()} {content} {pick('', '', '-', '+')}%}}"


def out(expression):
    return f"{{{{{pick('', '', '-', '+')} {expression} {pick('', '', '-')}}}}}"


def data():
    return pick("", " ", "\n", "a", "  \n  ", "x\n", "\n\n", " y ", "{# c #}", "\n  {#- c -#}\n", "{% raw %}{{ x }}{% endraw %}\n", "é\t")


def body(d):
    return "".join(data() + statement(d) for _ in range(rng.randint(1, 2))) + data()


def statement(d):
    a = lambda: gen("any", 2)
    if d <= 0:
        return out(pick(a(), "i", "v", "ns.v", "x"))
    forms = [
        lambda: out(gen("any", 3)),
        lambda: block(f"for i in {gen('list', 2)}{pick('', '', ' if ' + pick('i', 'i is string', 'loop', 'i is defined'))}") + body(d - 1) + out(f"loop.{rng.choice(LOOP)}") + pick("", block(pick("break", "continue")), block("if i") + block(pick("break", "continue")) + block("endif")) + pick("", block("else") + body(0)) + block("endfor"),
        lambda: block(f"for k, i in {pick('data.pairs', gen('dict', 1) + '.items()', gen('dict', 1) + '|items', gen('list', 2))}") + out("k") + body(d - 1) + block("endfor"),
        lambda: block(f"if {gen('bool', 2)}") + body(d - 1) + pick("", block(f"elif {a()}") + body(d - 1)) + pick("", block("else") + body(d - 1)) + block("endif"),
        lambda: block(f"set v = {a()}") + body(d - 1),
        lambda: block(f"set v, x = {pick(a() + ', ' + a(), gen('list', 2))}") + body(d - 1),
        lambda: block(f"set v{pick('', ' | upper', ' | trim | length')}") + body(d - 1) + block("endset") + out("v"),
        lambda: block("set ns = namespace(v=0, s='')") + block(f"for i in {gen('list', 2)}") + block("set ns.v = ns.v + 1") + block(f"set ns.s = {a()}") + body(d - 1) + block("endfor") + out("ns.v") + out("ns"),
        lambda: block(f"macro m(x, v={a()}{pick('', ', w=x')})") + body(d - 1) + pick("", out("varargs"), out("kwargs"), out("caller()")) + block("endmacro") + out(f"m({pick('', a(), a() + ', ' + a(), a() + ', v=' + a(), '1, 2, 3, 4', 'x=1, z=2')})"),
        lambda: block("macro m(x=1)") + "[" + out("x") + out("caller(x)") + "]" + block("endmacro") + block(pick("call m()", "call(i) m(2)", "call(i, v=3) m()")) + body(d - 1) + block("endcall"),
        lambda: block(f"filter {pick('upper', 'trim', 'replace(' + repr('a') + ', ' + repr('b') + ')', 'indent(2)|upper', 'length')}") + body(d - 1) + block("endfilter"),
        lambda: block(f"with v = {a()}, x = v") + body(d - 1) + block("endwith") + out("v"),
        lambda: block("generation") + body(d - 1) + block("set v = 5") + block("endgeneration") + out("v"),
        lambda: block(f"for i in {pick('[[1, [2, 3]], 4]', 'data.pairs', gen('list', 1))} recursive") + pick(out("i"), block("if i is iterable and i is not string") + out("loop(i)") + block("else") + out("i") + block("endif")) + out(f"loop.{rng.choice(LOOP)}") + block("endfor"),
        lambda: block("set c = cycler('a', 2)") + block("set j = joiner()") + block(f"for i in {gen('list', 1)}") + out("j()") + out("c.next()") + out("c.current") + block("endfor"),
        lambda: block(pick("print 1, 2", f"print {a()}", "do x", "if", "endfor", "set x", "break", "include 'a'", "block b")),
    ]
    return rng.choice(forms)()


def template():
    if rng.random() < 0.7:
        return out(gen("any", rng.randint(2, 4))) if rng.random() < 0.2 else "{{ " + gen("any", rng.randint(2, 4)) + " }}"
    return body(rng.randint(1, 3))


def refuse(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, refuse)
cases, seen = [], set()
while len(cases) < count:
    source = template()
    if source in seen or len(source) > 600:
        continue
    seen.add(source)
    signal.alarm(5)
    try:
        written = {"text": _compile_jinja_template(source).render(**VARIABLES)}
        written["text"].encode()
    except TimeoutError:
        continue
    except BaseException as error:
        if "int string conversion" in str(error) or "surrogates" in str(error):
            continue
        written = {"error": type(error).__name__ + ": " + str(error).split("\n")[0][:160]}
    finally:
        signal.alarm(0)
    if any(sign in written.get("text", "") for sign in (" at 0x", "<built-in", "<bound method", "<class ", "object at")):
        if seed == 0:
            continue
        written = {"error": "an address"}
    if len(written.get("text", "")) < 2000:
        cases.append({"template": source, **written})
FORMATS = "%a %A %b %B %c|%C %d %D %e %F|%g %G %h %H %I|%j %k %l %m %M|%n %p %P %r %R|%S %t %T %u %U|%V %w %W %x %X|%y %Y %z %Z %%|%-d %-m %_d %-I %-j %_H %-y %f"
dates = []
for _ in range(60):
    moment = [rng.randint(1971, 2099), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59)]
    if len(dates) < 24:
        moment[1:3] = [1, 1 + len(dates) % 7] if len(dates) % 2 else [12, 25 + len(dates) % 7]
    dates.append({"moment": moment, "text": datetime(*moment).strftime(FORMATS)})
lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
head = json.dumps(VARIABLES, ensure_ascii=False)
clock = json.dumps({"format": FORMATS, "dates": dates}, ensure_ascii=False)
target.write_text(f'{{"variables": {head},\n"clock": {clock},\n"cases": [\n{lines}\n]}}\n')
errors = sum("error" in case for case in cases)
print(f"{len(cases)} templates, of which {errors} are refused")
