"""Runs cells in one of the image's Jupyter kernels, over Jupyter's own protocol; speaks to us as python.py does.

Argument: what the name of the kernel holds, such as python, ir or julia. Needs jupyter_client of the image.
What the kernel and this program say to each other goes through sockets in a directory of theirs: no port is opened.
"""
import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

# Nothing is written beside the runner's files; what cells import is their own affair.
writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
from orrery_messages import Messages

sys.dont_write_bytecode = writes_none

START_SECONDS = 60
LOOK_SECONDS = 0.25
COMPLETION_SECONDS = 10
SUGGESTIONS_MAX = 500
RICH = ('text/html', 'image/png', 'image/jpeg', 'image/svg+xml')


def kernel_name(word):
    from jupyter_client.kernelspec import KernelSpecManager
    names = sorted(name for name in KernelSpecManager().find_kernel_specs() if word in name)
    return names[0] if names else None


class Runner:
    def __init__(self, source, messages, name):
        self.source = source
        self.messages = messages
        self.work = []
        self.answers = []
        self.questions = []
        self.changed = threading.Condition()
        self.interrupts = 0
        self.directory = tempfile.mkdtemp(prefix='orrery-kernel-', dir='/tmp')
        from jupyter_client import KernelManager
        self.manager = KernelManager(
            kernel_name=name,
            transport='ipc',
            connection_file=os.path.join(self.directory, 'k'),
        )
        self.manager.ip = os.path.join(self.directory, 's')
        self.exit_code = 0

    def start(self):
        self.manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.client = self.new_client()

    def new_client(self):
        from jupyter_client.session import Session
        # Each with a session of its own: the kernel tells them apart by that.
        client = self.manager.client(session=Session(key=self.manager.session.key))
        client.start_channels()
        client.wait_for_ready(timeout=START_SECONDS)
        return client

    def leave(self):
        try:
            self.manager.shutdown_kernel(now=True)
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
            os.killpg(os.getpgrp(), signal.SIGKILL)

    def listen(self):
        """In a thread of its own, so that an interrupt is heard while a cell runs."""
        for line in self.source:
            message = ast.literal_eval(line)
            kind = message['kind']
            if kind == 'interrupt':
                with self.changed:
                    self.interrupts += 1
                    self.changed.notify_all()
                self.manager.interrupt_kernel()
                continue
            waiting = {'input': self.answers, 'complete': self.questions}.get(kind, self.work)
            with self.changed:
                waiting.append(message)
                self.changed.notify_all()
        self.leave()

    def watch(self):
        """A kernel that ended says nothing more, and its clients would wait for ever."""
        while self.manager.is_alive():
            time.sleep(LOOK_SECONDS)
        process = getattr(getattr(self.manager, 'provisioner', None), 'process', None)
        code = getattr(process, 'returncode', None)
        exit_code = 1 if code is None else code if code >= 0 else 128 - code
        self.messages.say({'kind': 'ended', 'exitCode': exit_code})
        self.leave()

    def complete(self):
        client = self.new_client()
        while True:
            asked = self.take(self.questions)
            code = asked['code']
            found = []
            try:
                reply = client.complete(code, reply=True, timeout=COMPLETION_SECONDS)['content']
                # Kernels complete the last name; we tell what it is a name of as well.
                owner = re.search(r'[\w.]*$', code[:reply.get('cursor_start', len(code))]).group()
                found = [owner + match for match in reply.get('matches', [])]
            except Exception:
                pass
            self.messages.send(1, {
                'kind': 'completion',
                'id': asked['id'],
                'suggestions': found[:SUGGESTIONS_MAX],
            })

    def take(self, waiting):
        with self.changed:
            while not waiting:
                self.changed.wait()
            return waiting.pop(0)

    def serve(self):
        while True:
            code = self.take(self.work)['code']
            del self.answers[:]
            self.exit_code = 0
            reply = self.client.execute_interactive(
                code,
                allow_stdin=True,
                output_hook=self.show,
                stdin_hook=self.ask,
            )
            if reply['content'].get('status') != 'ok' and self.exit_code == 0:
                self.exit_code = 1
            self.messages.done(self.exit_code)

    def ask(self, message):
        content = message['content']
        sys.stdout.write(content.get('prompt', ''))
        before = self.interrupts
        self.messages.say({'kind': 'waiting-input', 'isPassword': bool(content.get('password'))})
        with self.changed:
            # An interrupted cell waits for no answer any more.
            while not self.answers and self.interrupts == before:
                self.changed.wait()
            if not self.answers:
                return
            text = self.answers.pop(0)['text']
        self.client.input(text)

    def show(self, message):
        kind = message['header']['msg_type']
        content = message['content']
        if kind == 'stream':
            out = sys.stderr if content['name'] == 'stderr' else sys.stdout
            out.write(content['text'])
            out.flush()
        elif kind in ('display_data', 'execute_result', 'update_display_data'):
            self.show_rich(content.get('data', {}))
        elif kind == 'error':
            self.exit_code = exit_code_of(content)
            if content.get('ename') != 'SystemExit':
                sys.stderr.write('\n'.join(content.get('traceback', [])) + '\n')
                sys.stderr.flush()

    def show_rich(self, data):
        for mime in RICH:
            if mime not in data:
                continue
            content = data[mime]
            if isinstance(content, list):
                content = ''.join(content)
            if mime in ('image/png', 'image/jpeg'):
                content = 'data:%s;base64,%s' % (mime, content.replace('\n', ''))
            self.messages.say({'kind': 'media', 'mime': mime, 'content': content})
            return
        if 'text/plain' in data:
            sys.stdout.write(data['text/plain'] + '\n')
            sys.stdout.flush()


def exit_code_of(content):
    if content.get('ename') != 'SystemExit':
        return 1
    value = content.get('evalue', '')
    if value in ('', 'None'):
        return 0
    return int(value) & 0xff if value.lstrip('-').isdigit() else 1


def main():
    word = sys.argv[1]
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    source = os.fdopen(os.dup(0), 'r', encoding='utf-8', newline='\n')
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = open(1, 'w', encoding='utf-8', errors='replace', buffering=1, closefd=False)
    sys.stderr = open(2, 'w', encoding='utf-8', errors='replace', buffering=1, closefd=False)
    messages = Messages(ast.literal_eval(source.readline())['secret'])
    try:
        name = kernel_name(word)
    except ImportError:
        sys.exit('it has no jupyter_client')
    if name is None:
        sys.exit('it has no Jupyter kernel for %s' % word)
    os.environ.setdefault('TERM', 'dumb')
    runner = Runner(source, messages, name)
    runner.start()
    for work in (runner.watch, runner.listen, runner.complete):
        threading.Thread(target=work, daemon=True).start()
    messages.say({'kind': 'ready'})
    runner.serve()


main()
