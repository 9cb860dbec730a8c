"""Runs cells of Python that share their state. Needs Python 3.6 and of its library only
what the interpreter cannot do without: smaller images leave out even `json`.

Standard input: a line of JSON each, the first one with the secret that marks our own messages in the
output. Everything else on standard output and error is the cell's own. See README.md for the messages.
"""
import ast
import base64
import builtins
import io
import os
import re
import signal
import sys
import threading
import traceback
import types

# Nothing is written beside the runner's files; what cells import is their own affair.
writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
from orrery_messages import Messages

sys.dont_write_bytecode = writes_none

SUGGESTIONS_MAX = 500
RICH = (
    ('text/html', '_repr_html_'),
    ('image/png', '_repr_png_'),
    ('image/jpeg', '_repr_jpeg_'),
    ('image/svg+xml', '_repr_svg_'),
)


class Questions(io.TextIOBase):
    """Standard input of the cells: each line is asked for."""

    def __init__(self, runner):
        self.runner = runner

    def readable(self):
        return True

    def readline(self, size=-1):
        return self.runner.ask(False) + '\n'

    def read(self, size=-1):
        return self.readline()


class Runner:
    def __init__(self, source, messages):
        self.source = source
        self.messages = messages
        self.cells = 0
        self.is_busy = False
        self.work = []
        self.answers = []
        self.changed = threading.Condition()
        self.module = types.ModuleType('__main__')
        self.names = self.module.__dict__
        self.loop = None

    def prepare(self):
        sys.modules['__main__'] = self.module
        self.names['__builtins__'] = builtins
        builtins.input = self.input
        builtins.display = self.display
        sys.stdin = Questions(self)
        sys.argv = ['']
        # Cells do not find the runner's own files before those that they mean.
        here = os.path.dirname(os.path.abspath(__file__))
        sys.path[:] = [path for path in sys.path if path != here]
        if '' not in sys.path:
            sys.path.insert(0, '')
        os.environ.setdefault('MPLBACKEND', 'Agg')
        signal.signal(signal.SIGINT, passed_over)
        try:
            import getpass
            getpass.getpass = lambda prompt='Password: ', stream=None: self.input(prompt, True)
        except ImportError:
            pass

    def listen(self):
        """In a thread of its own, so that an interrupt is heard while a cell runs."""
        for line in self.source:
            message = ast.literal_eval(line)
            kind = message['kind']
            if kind == 'interrupt':
                if self.is_busy:
                    os.killpg(os.getpgrp(), signal.SIGINT)
            elif kind == 'complete':
                self.messages.send(1, {
                    'kind': 'completion',
                    'id': message['id'],
                    'suggestions': self.complete(message['code']),
                })
            else:
                with self.changed:
                    (self.answers if kind == 'input' else self.work).append(message)
                    self.changed.notify_all()
        os.killpg(os.getpgrp(), signal.SIGKILL)

    def take(self, waiting):
        with self.changed:
            while not waiting:
                self.changed.wait()
            return waiting.pop(0)

    def ask(self, is_password):
        self.messages.say({'kind': 'waiting-input', 'isPassword': is_password})
        return self.take(self.answers)['text']

    def input(self, prompt='', is_password=False):
        sys.stdout.write(str(prompt))
        return self.ask(is_password)

    def serve(self):
        while True:
            code = self.take(self.work)['code']
            del self.answers[:]
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                self.is_busy = True
                exit_code = self.run(code)
                self.is_busy = False
            except KeyboardInterrupt:
                exit_code = 1
            self.is_busy = False
            signal.signal(signal.SIGINT, passed_over)
            self.messages.done(exit_code)

    def run(self, code):
        self.cells += 1
        name = '<cell %d>' % self.cells
        try:
            self.remember(name, code)
            self.execute(ast.parse(code, name), name)
            self.show_figures()
            return 0
        except SystemExit as error:
            return exit_code_of(error)
        except BaseException:
            self.complain()
            return 1

    def remember(self, name, code):
        """So that a traceback shows the lines of the cell."""
        import linecache
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)

    def execute(self, tree, name):
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
        self.evaluate(compile(tree, name, 'exec', AWAIT))
        if last is None:
            return
        value = self.evaluate(compile(last, name, 'eval', AWAIT))
        if value is not None:
            self.names['_'] = value
            self.display(value)

    def evaluate(self, code):
        value = eval(code, self.names)
        if not code.co_flags & COROUTINE:
            return value
        import asyncio
        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        return self.loop.run_until_complete(value)

    def display(self, *values):
        for value in values:
            self.display_one(value)

    def display_one(self, value):
        for mime, method in RICH:
            represent = None if isinstance(value, type) else getattr(value, method, None)
            content = represent() if callable(represent) else None
            if isinstance(content, tuple):
                content = content[0]
            if content is not None:
                self.show(mime, content)
                return
        sys.stdout.write(repr(value) + '\n')

    def show(self, mime, content):
        if mime in ('image/png', 'image/jpeg'):
            if isinstance(content, str):
                content = content.encode('ascii')
            else:
                content = base64.b64encode(content)
            content = 'data:%s;base64,%s' % (mime, content.decode('ascii').replace('\n', ''))
        self.messages.say({'kind': 'media', 'mime': mime, 'content': content})

    def show_figures(self):
        plots = sys.modules.get('matplotlib.pyplot')
        if plots is None:
            return
        for number in plots.get_fignums():
            picture = io.BytesIO()
            plots.figure(number).savefig(picture, format='png')
            self.show('image/png', picture.getvalue())
        plots.close('all')

    def complain(self):
        kind, error, trace = sys.exc_info()
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.stderr.write(''.join(traceback.format_exception(kind, error, trace)))

    def complete(self, code):
        """Names are looked up and attributes read, but nothing is called."""
        owner, begun = re.search(r'(?:([\w.]+)\.)?(\w*)$', code).groups()
        try:
            if owner is None:
                found = set(self.names) | set(dir(builtins))
            else:
                first, *rest = owner.split('.')
                value = self.names.get(first, getattr(builtins, first, None))
                for name in rest:
                    value = getattr(value, name)
                found = set(dir(value))
        except Exception:
            return []
        prefix = '' if owner is None else owner + '.'
        hidden = '' if begun.startswith('_') else '_'
        names = sorted(
            name for name in found
            if name.startswith(begun) and not (hidden and name.startswith(hidden))
        )
        return [prefix + name for name in names[:SUGGESTIONS_MAX]]


def passed_over(_signal, _frame):
    """An interrupt that came too late. Not ignored: that would be inherited by what cells start."""


def exit_code_of(error):
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xff
    sys.stderr.write(str(error.code) + '\n')
    return 1


AWAIT = getattr(ast, 'PyCF_ALLOW_TOP_LEVEL_AWAIT', 0)
COROUTINE = 0x80


def has_kernel():
    """Whether the image has a Jupyter kernel of Python, which then runs the cells."""
    if not any(os.path.isdir(os.path.join(path, 'ipykernel')) for path in sys.path):
        return False
    return any(os.path.isdir(os.path.join(path, 'jupyter_client')) for path in sys.path)


def main():
    if has_kernel():
        there = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'jupyter.py')
        os.execv(sys.executable, [sys.executable, there, 'python'])
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    source = os.fdopen(os.dup(0), 'r', encoding='utf-8', newline='\n')
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = open(1, 'w', encoding='utf-8', errors='replace', buffering=1, closefd=False)
    sys.stderr = open(2, 'w', encoding='utf-8', errors='replace', buffering=1, closefd=False)
    messages = Messages(ast.literal_eval(source.readline())['secret'])
    runner = Runner(source, messages)
    runner.prepare()
    messages.say({'kind': 'ready'})
    threading.Thread(target=runner.listen, daemon=True).start()
    runner.serve()


main()
