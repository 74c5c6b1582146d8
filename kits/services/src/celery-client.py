"""Runs what it is told, line by line: {"lines", "given"} comes, {"value"} or {"error"} goes."""
import importlib
import json
import os
import sys
import textwrap
import traceback

answers = os.fdopen(os.dup(1), 'w')
# What programs print is not an answer.
os.dup2(2, 1)
module = importlib.import_module(sys.argv[1])

for line in sys.stdin:
    told = json.loads(line)
    scope = dict(vars(module))
    try:
        exec('def run(given):\n' + textwrap.indent(textwrap.dedent(told['lines']), '    '), scope)
        answer = {'value': scope['run'](told['given'])}
    except BaseException:
        answer = {'error': traceback.format_exc()}
    answers.write(json.dumps(answer, default=repr) + '\n')
    answers.flush()
