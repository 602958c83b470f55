"""Messages about control flow that cannot be compiled: what, where, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ms_func.errors import (
    ConcretizationTypeError,
    StagingBoolError,
    StagingError,
    StagingIndexError,
)
from ms_func.ir.loc import Loc, user_loc
from ms_func.ir.types import typeof
from ms_func.source.hooks.heap.anatomy import Mismatch, describe, is_number
from ms_func.source.hooks.heap.journal import Location
from ms_func.source.hooks.heap.undefined import UNDEFINED


def subject(path: tuple[Any, ...], names: Sequence[str]) -> str:
    """What a path stands for: a variable and the part of it, or a place of the heap."""
    head, *rest = path
    if isinstance(head, Location):
        name = head.describe()
    else:
        known = str(names[head]) if head < len(names) else "the value"
        name = f"`{known}`" if known.isidentifier() else known
    part = "".join(map(str, rest))
    if not part:
        return name
    if part.startswith(" "):
        return f"{part.strip(' ()')} of {name}"
    return f"{name[:-1]}{part}`" if name.endswith("`") else f"{part} of {name}"


def _line(loc: Loc | None) -> str:
    return "" if loc is None else f" (line {loc.line})"


def branches_disagree(error: Mismatch, names: Sequence[str], regions: Sequence[Any]) -> Exception:
    """MS102: a variable cannot stand for what the branches leave in it."""
    sides = []
    for value, region in zip(error.values, regions, strict=False):
        text = describe(value) + _line(region.origin(value))
        if text not in sides:
            sides.append(text)
    what = subject(error.path, names)
    text = " or ".join(sides)
    verb = "was" if all(v is UNDEFINED for v in error.values) else "is"
    why = f"\n{error.why}" if error.why else ""
    return StagingError(
        f"MS102 branches disagree: after this choice at run time {what} {verb} {text}{why}\n"
        f"Which branch runs is known only at run time, so {what} needs one structure, and each "
        "array in it one shape\n"
        f"fix: {_branch_fix(error.values)}",
        user_loc(2),
    )


def _branch_fix(values: Sequence[Any]) -> str:
    if any(v is None for v in values):
        return "use a number or an array of the other side's shape in place of None"
    if any(isinstance(v, str) for v in values):
        return "compute the text after the run, or make the condition a static argument"
    kinds = {type(v) for v in values}
    if len(kinds) > 1 and kinds & {list, tuple, dict, set}:
        return "use one kind of container in both branches"
    if any(isinstance(v, dict) for v in values):
        return "give the dictionary all its keys before the choice"
    if any(isinstance(v, (list, set)) for v in values):
        return "store the same number of elements in both branches"
    return "give it the same shape and structure in both branches"


def carry_changed(error: Mismatch, names: Sequence[str], region: Any, loc: Loc | None) -> Exception:
    """MS101: a loop changes the type or the structure of a variable."""
    entry, out = error.values[0], error.values[-1]
    what = subject(error.path, names)
    origin = None if region is None else region.origin(out)
    fix = _carry_fix(entry, out, what)
    source = _source_line(origin)
    why = f"\n{error.why}" if error.why else ""
    return StagingError(
        f"MS101 carry type changed in loop: {what} enters as {describe(entry)} and leaves the "
        f"body as {describe(out)}{source}{why}\n"
        f"The number of steps is known only at run time, so {what} must keep its type\n"
        f"fix: {fix}",
        loc,
    )


def _source_line(loc: Loc | None) -> str:
    if loc is None:
        return ""
    text = loc.excerpt().split("\n", 1)[0].strip()
    return f" (line {loc.line}: {text})" if text else f" (line {loc.line})"


def _carry_fix(entry: Any, out: Any, what: str) -> str:
    if isinstance(entry, (list, dict, set)):
        return "make an array of the final length before the loop and store to its elements"
    if entry is None:
        return f"start with a number or an array of the type that the body gives, not None ({what})"
    name = what.strip("`")
    if is_number(entry) and is_number(out):
        before, after = typeof(entry), typeof(out)
        if after.dtype.kind == "f" and before.dtype.kind in "iu" and before.shape == after.shape:
            return f"start with a float, e.g. {name} = {name}.astype({after.dtype.name!r})"
    return "start with a value of the type that the body gives, or convert in the body"


def shared_element() -> StagingError:
    """MS170: a store to an object that is a copy of what a growing list holds."""
    return StagingError(
        "MS170 an object in a list of lists that grow, or in a list that came out of another "
        "compiled function, is changed here or put into a second list: the other list would not "
        "see its changes\n"
        "fix: use tuples there, or put a copy into the list (`list(x)`, copy.copy(x))",
        user_loc(2),
    )


def array_element() -> Exception:
    """MS170: a store to an array that is an element of a growing list."""
    return StagingError(
        "MS170 an array is stored to here that is an element of a list that grows in a compiled "
        "loop, or of a dictionary of traced keys, which would not see it\n"
        "fix: store to a copy and put it back (`v = w[k].copy(); v[i] = x; w[k] = v`)",
        user_loc(2),
    )


def changed_elsewhere() -> Exception:
    """MS170: a copy of a growing list whose elements were changed in the list itself."""
    return StagingError(
        "MS170 this copy of a growing list holds the same objects as the list itself, and these "
        "were changed there\n"
        "fix: look at the copy before that, make it after that, or copy its elements, too "
        "(copy.deepcopy)",
        user_loc(2),
    )


def run_time_index(container: Any) -> Exception:
    """MS103: a Python container indexed by a value known only at run time."""
    kind = type(container).__name__
    return StagingIndexError(
        f"MS103 a value known only at run time was used to look up an element of a {kind}\n"
        f"A Python {kind} needs an index known while the program is recorded\n"
        "fix: stack the elements into an array, or use lax.switch to choose among functions",
        user_loc(2),
    )


def no_index(container: Any, key: Any) -> Exception:
    """MS103: a Python container indexed by what is no integer."""
    return StagingIndexError(
        f"MS103 an element of a {type(container).__name__} was looked up by a traced value of "
        f"dtype {key.dtype}, which is no index\n"
        "An integer that a branch or a loop joins with a float becomes a float\n"
        "fix: keep the index in a variable that holds integers alone, or convert it by int()",
        user_loc(2),
    )


def numpy_store(x: Any) -> Exception:
    """MS170: a traced value stored to an array of NumPy."""
    return StagingError(
        f"MS170 a value known only at run time was stored to a NumPy array of shape {x.shape}, "
        "which holds numbers\nfix: make the array with ms_func.numpy instead of numpy",
        user_loc(2),
    )


def side_effect(what: str) -> Exception:
    """MS170: a store that cannot be undone, under a condition known only at run time."""
    return StagingError(
        f"MS170 side effect under a run-time condition: {what}\n"
        "The store would happen once, while the program is recorded, whatever the condition is\n"
        "fix: use an array of ms_func.numpy, a list, a dict or an attribute, or return the value",
        user_loc(2),
    )


_STATE_FIX = (
    "fix: draw an array of numbers, or make the text, before the loop or condition; or draw from a "
    "key of ms_func.random"
)


def state_decided(x: Any) -> Exception:
    """MS170: data decide in what state an object is that Python keeps in C."""
    return StagingError(
        f"MS170 a {type(x).__name__} is used here whose state depends on values known only at run "
        f"time: a branch before this line has used it another number of times\n{_STATE_FIX}",
        user_loc(2),
    )


def state_in_loop(x: Any) -> Exception:
    """MS170: what is recorded once would use such an object once for all of its steps."""
    return StagingError(
        f"MS170 side effect in a loop or function that is recorded once: a {type(x).__name__} from "
        f"outside of it is used here, and would give the same in each step\n{_STATE_FIX}",
        user_loc(2),
    )


def yielded() -> Exception:
    """MS180: a generator that would pause inside a recorded branch."""
    return StagingError(
        "MS180 yield under a run-time condition: the generator would pause inside a branch or loop "
        "that is being compiled\nfix: append the values to a list and return it",
        user_loc(2),
    )


_NEEDS = {
    "finally": (
        "a jump out of a `finally` block ends the exception that is under way, or not",
        "leave the `finally` block at its end, and decide after it",
    ),
    "comprehension": (
        "the `if` of a comprehension decides how many elements there are",
        "use np.where in the element, or sum over a mask",
    ),
    "match": (
        "a pattern of `match` was compared with it",
        "use if and elif on the values",
    ),
    "async": ("an async function looked at it", "use a plain function"),
}


def run_time_key() -> Exception:
    """A dictionary would get a key that is known only at run time."""
    return ConcretizationTypeError(
        "a key known only at run time is put into a dictionary, which has no such key yet\n"
        "fix: use an array, or put all keys in before",
        user_loc(2),
    )


def advanced() -> Exception:
    """MS180: an iterator that cannot go back, or that stands at a place that data decide."""
    return StagingError(
        "MS180 an iterator is advanced here, but whether and how far depends on values known only "
        "at run time\n"
        "fix: make a list of its elements before, and use an index or a `for` loop over the list",
        user_loc(2),
    )


def never_left() -> Exception:
    """MS180: a loop over an iterator whose end is not known, which data decide to leave."""
    return StagingError(
        "MS180 this loop takes its values from an iterator without a known end, and when it is "
        "left depends on values known only at run time: it would be laid out forever\n"
        "fix: write a `while` loop, or `for` over range(n) or itertools.count()",
        user_loc(2),
    )


def needs_truth(what: str) -> Exception:
    """MS170: a place where Python itself needs the truth of a traced value."""
    why, fix = _NEEDS.get(what, ("Python needs its truth value here", "use lax.cond or np.where"))
    return StagingBoolError(
        f"MS170 a value known only at run time decides what Python does: {why}\nfix: {fix}",
        user_loc(2),
    )


def ever_new(f: Any) -> Exception:
    """MS105: a recursion that hands on what has another structure each time."""
    name = getattr(f, "__name__", "a function")
    return StagingError(
        f"MS105 `{name}` calls itself on values known only at run time, with arguments of ever new "
        "structure\nfix: hand on numbers and arrays, and keep what grows in one list outside of it",
        user_loc(2),
    )


def endless(f: Any) -> Exception:
    """MS105: a recursion in which no way leads to a result."""
    name = getattr(f, "__name__", "a function")
    return StagingError(
        f"MS105 `{name}` calls itself on values known only at run time, and no way through it "
        "ends without another call, or the structure of its result does not settle\n"
        "fix: return from a branch that does not call it, with a result of one structure",
        user_loc(2),
    )
