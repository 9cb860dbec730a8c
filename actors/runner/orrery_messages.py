"""Our own messages among the output of cells. Needs Python 3.6 and of its library only what the interpreter
cannot do without.
"""
import os
import re
import sys

PIECE_BYTES = 3500


def to_json(value):
    if isinstance(value, dict):
        return '{%s}' % ','.join(to_json(key) + ':' + to_json(value[key]) for key in value)
    if isinstance(value, list):
        return '[%s]' % ','.join(to_json(item) for item in value)
    if isinstance(value, str):
        return '"%s"' % re.sub(r'[^ !#-\[\]-~]', escaped, value)
    return {True: 'true', False: 'false'}[value] if isinstance(value, bool) else str(value)


def escaped(match):
    units = match.group().encode('utf-16-be', 'surrogatepass')
    return ''.join('\\u%02x%02x' % pair for pair in zip(units[::2], units[1::2]))


class Messages:
    """Our own messages among the output, in pieces so short that a pipe keeps each in one."""

    def __init__(self, secret):
        self.mark = b'\0' + secret.encode('ascii')

    def send(self, fd, message):
        text = to_json(message).encode('ascii')
        while True:
            piece, text = text[:PIECE_BYTES], text[PIECE_BYTES:]
            left = self.mark + (b'+' if text else b'.') + piece + b'\n'
            while left:
                left = left[os.write(fd, left):]
            if not text:
                return

    def say(self, message):
        sys.stdout.flush()
        sys.stderr.flush()
        self.send(1, message)

    def done(self, exit_code):
        sys.stdout.flush()
        sys.stderr.flush()
        self.send(2, {'kind': 'done'})
        self.send(1, {'kind': 'done', 'exitCode': exit_code})
