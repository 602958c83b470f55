"""`breakpoint` in a compiled program: the program stops, and a prompt shows values of that moment.

When a function is recorded, the local variables of the user's frames become operands of a
callback; when the program runs, the callback puts them back and asks for commands.
"""

from __future__ import annotations

import cmd
import linecache
import pprint
import traceback
from bdb import BdbQuit
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from ms_func import tree
from ms_func.errors import ArgumentValueError
from ms_func.ir.host import Identity
from ms_func.ir.loc import user_frames
from ms_func.primitives.host_calls import Arguments, call_host
from ms_func.tracing.tracer import Tracer


class _Frame(NamedTuple):
    """A frame of the user's program without its local variables."""

    file: str
    line: int
    function: str
    variables: dict[str, Any]  # global ones

    @classmethod
    def of(cls, frame: FrameType) -> _Frame:
        """What is kept of a frame."""
        code = frame.f_code
        return cls(code.co_filename, frame.f_lineno, code.co_name, frame.f_globals)

    @property
    def head(self) -> str:
        """File and line."""
        return f"> {self.file}({self.line})"

    def excerpt(self, around: int = 5) -> str:
        """Source around the line, which is marked."""
        first = max(1, self.line - around)
        rows = []
        for n in range(first, self.line + around + 1):
            text = linecache.getline(self.file, n, self.variables)
            if text:
                rows.append(f"{'->' if n == self.line else '  '}  {text.rstrip()}")
        return "\n".join(rows)


class _Prompt(cmd.Cmd):
    """Commands at a breakpoint; their names are those of `pdb`."""

    prompt = "(jdb) "

    def __init__(
        self, frames: Sequence[_Frame], values: Sequence[dict[str, Any]], **streams: Any
    ) -> None:
        super().__init__(**streams)
        self.use_rawinput = streams.get("stdin") is None
        self.frames, self.values, self.at = frames, values, 0

    def say(self, text: str) -> None:
        """Write a line."""
        self.stdout.write(text + "\n")

    def evaluate(self, source: str) -> Any:
        """Value of an expression in the frame that is looked at."""
        variables = {**self.frames[self.at].variables, **self.values[self.at]}
        return eval(source, variables)  # the user's own words

    def show(self, source: str, text: Any) -> None:
        """Write a value, or why there is none."""
        try:
            self.say(text(self.evaluate(source)))
        except Exception as error:
            self.say(traceback.format_exception_only(error)[-1].strip())

    def do_p(self, arg: str) -> None:
        """p(rint) EXPRESSION: print the value of an expression."""
        self.show(arg, repr)

    do_print = do_p

    def do_pp(self, arg: str) -> None:
        """`pp` EXPRESSION: print the value of an expression over several lines."""
        self.show(arg, pprint.pformat)

    def default(self, line: str) -> None:
        """Anything else is an expression."""
        self.do_EOF("") if line == "EOF" else self.do_p(line)

    def do_list(self, _: str) -> None:
        """l(ist): show the source around the line."""
        frame = self.frames[self.at]
        self.say(f"{frame.head}\n{frame.excerpt()}")

    do_l = do_list

    def do_where(self, _: str) -> None:
        """w(here), bt: show the frames, the innermost last."""
        self.say("Traceback:")
        for frame in reversed(self.frames):
            source = linecache.getline(frame.file, frame.line, frame.variables).strip()
            self.say(f'  File "{frame.file}", line {frame.line}, in {frame.function}\n    {source}')

    do_w = do_bt = do_where

    def do_args(self, _: str) -> None:
        """a(rgs): show the local variables."""
        for name, value in self.values[self.at].items():
            self.say(f"{name} = {value!r}")

    do_a = do_args

    def do_up(self, _: str) -> None:
        """u(p): look at the frame that called this one."""
        self.move(self.at + 1, "topmost")

    def do_down(self, _: str) -> None:
        """d(own): look at the frame that this one called."""
        self.move(self.at - 1, "bottommost")

    do_u, do_d = do_up, do_down

    def move(self, to: int, end: str) -> None:
        """Look at another frame, if there is one."""
        if 0 <= to < len(self.frames):
            self.at = to
            self.do_list("")
        else:
            self.say(f"At {end} frame.")

    def do_continue(self, _: str) -> bool:
        """c(ontinue): go on with the program."""
        return True

    do_c = do_cont = do_continue

    def do_quit(self, _: str) -> None:
        """q(uit): end the program."""
        raise BdbQuit

    do_q = do_EOF = do_quit

    def emptyline(self) -> bool:
        """Nothing happens on an empty line."""
        return False


def breakpoint(
    *,
    backend: str | None = None,
    filter_frames: bool = True,
    num_frames: int | None = None,
    ordered: bool = False,
    token: Any = None,
    stdin: Any = None,
    stdout: Any = None,
) -> None:
    """Stop the program here when it runs, and ask for commands.

    Works in compiled programs, loops, branches and under every transform; under `vmap` once for
    each lane. Variables hold the values they have at that moment, arrays of a trace included.
    Commands are those of `pdb`: `p`, `pp`, `a`, `l`, `u`, `d`, `bt`, `c`, `q`, `help`.

    Args:
        backend: None or "cli", the prompt in the terminal.
        filter_frames: accepted; frames of the library are never shown.
        num_frames: how many frames of callers to keep; None keeps all.
        ordered: accepted; effects always keep the order of the program.
        token: must be None.
        stdin: stream that commands are read from; None is the terminal.
        stdout: stream to write to.

    Raises:
        bdb.BdbQuit: when the program runs, after the command `q`.

    Example:
        >>> import io
        >>> from ms_func.api.compile import jit
        >>> words, out = io.StringIO("p y" + chr(10) + "c" + chr(10)), io.StringIO()
        >>> @jit
        ... def f(x):
        ...     y = x + 1
        ...     breakpoint(stdin=words, stdout=out)
        ...     return y
        >>> _ = f(1.0)
        >>> out.getvalue().splitlines()[1]
        '(jdb) Array(2., dtype=float32, weak_type=True)'
    """
    if backend not in (None, "cli"):
        raise ArgumentValueError(f"debug.breakpoint has the backend 'cli', not {backend!r}")
    if token is not None:
        raise ArgumentValueError("debug.breakpoint(token=...): fix: leave it out")
    found = list(user_frames())[:num_frames]
    frames = [_Frame.of(f) for f in found]
    values = Arguments([_locals(f) for f in found], numbers=False)
    streams = {"stdin": stdin, "stdout": stdout}

    def call(*arrays: np.ndarray) -> Sequence[Any]:
        prompt = _Prompt(frames, [*map(_open, values.rebuild(arrays))], **streams)
        prompt.say("Entering jdb:")
        prompt.cmdloop()
        return ()

    key = (Identity(stdin), Identity(stdout), values.key, *((f.file, f.line) for f in frames))
    call_host("debug.breakpoint", call, key, values.operands, (), "callback")


def _locals(frame: FrameType) -> dict[str, Any]:
    """Local variables of a frame: trees of arrays as they are, all else behind an `Identity`.

    Values of traces that have ended are left out.
    """
    found = {}
    for name, value in frame.f_locals.items():
        traced = [x for x in _leaves(value) if type(x) is Tracer]
        if all(x.recorder.alive for x in traced):
            found[name] = value if traced else Identity(value)
    return found


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Iterator):
        return []
    try:
        return tree.leaves(value)
    except Exception:  # whatever a container of the user's says
        return []


def _open(variables: dict[str, Any]) -> dict[str, Any]:
    return {k: v.of if type(v) is Identity else v for k, v in variables.items()}
