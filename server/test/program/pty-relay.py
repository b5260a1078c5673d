"""A program on a pseudo-terminal, whose keys come from standard input, whose sizes come from descriptor 3, and whose screen goes to standard output.

usage: pty-relay.py ROWS COLUMNS PROGRAM ARGUMENT...
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios


def set_size(descriptor, rows, columns):
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


rows, columns = int(sys.argv[1]), int(sys.argv[2])
child, terminal = pty.fork()
if child == 0:
    set_size(0, rows, columns)
    os.execvp(sys.argv[3], sys.argv[3:])

sources = [0, 3, terminal]
while True:
    ready, _, _ = select.select(sources, [], [])
    for source in ready:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if data == b"" and source == terminal:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
        if data == b"":
            sources.remove(source)
        elif source == 0:
            os.write(terminal, data)
        elif source == 3:
            set_size(terminal, *map(int, data.split()[-2:]))
        else:
            os.write(1, data)
