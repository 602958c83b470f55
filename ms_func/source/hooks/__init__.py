"""Run-time hooks: what converted code calls instead of Python's own control flow.

A hook does exactly what Python does where its operand is known, and records `cond`, `while`
or `scan` where it is traced.
"""

from __future__ import annotations

from ms_func.source.hooks.calls.call import call as call
from ms_func.source.hooks.calls.call import native as native
from ms_func.source.hooks.calls.formatting import percent as percent
from ms_func.source.hooks.calls.queues import queue as _queue  # noqa: F401
from ms_func.source.hooks.calls.recording import recorded as recorded
from ms_func.source.hooks.calls.standard import stands_for as _standard  # noqa: F401
from ms_func.source.hooks.containers.comparisons import eq_ as eq_
from ms_func.source.hooks.containers.comparisons import ge_ as ge_
from ms_func.source.hooks.containers.comparisons import gt_ as gt_
from ms_func.source.hooks.containers.comparisons import le_ as le_
from ms_func.source.hooks.containers.comparisons import lt_ as lt_
from ms_func.source.hooks.containers.comparisons import ne_ as ne_
from ms_func.source.hooks.containers.displays import bitand as bitand
from ms_func.source.hooks.containers.displays import bitor as bitor
from ms_func.source.hooks.containers.displays import bitsub as bitsub
from ms_func.source.hooks.containers.displays import bitxor as bitxor
from ms_func.source.hooks.containers.displays import dict_of as dict_of
from ms_func.source.hooks.containers.displays import merged as merged
from ms_func.source.hooks.containers.displays import set_of as set_of
from ms_func.source.hooks.containers.elementwise import compared as _compared  # noqa: F401
from ms_func.source.hooks.containers.membership import callable_ as callable_
from ms_func.source.hooks.containers.membership import contains as contains
from ms_func.source.hooks.containers.membership import is_ as is_
from ms_func.source.hooks.containers.membership import isinstance_ as isinstance_
from ms_func.source.hooks.containers.membership import issubclass_ as issubclass_
from ms_func.source.hooks.containers.membership import truth as truth
from ms_func.source.hooks.containers.membership import type_ as type_
from ms_func.source.hooks.containers.sharing import spread as _spread  # noqa: F401
from ms_func.source.hooks.containers.stores import about_to_store as about_to_store
from ms_func.source.hooks.containers.stores import bound_cell as bound_cell
from ms_func.source.hooks.containers.stores import del_cell as del_cell
from ms_func.source.hooks.containers.stores import del_global as del_global
from ms_func.source.hooks.containers.stores import delattr_ as delattr_
from ms_func.source.hooks.containers.stores import delitem as delitem
from ms_func.source.hooks.containers.stores import getitem as getitem
from ms_func.source.hooks.containers.stores import iadd as iadd
from ms_func.source.hooks.containers.stores import iand as iand
from ms_func.source.hooks.containers.stores import ifloordiv as ifloordiv
from ms_func.source.hooks.containers.stores import ilshift as ilshift
from ms_func.source.hooks.containers.stores import imatmul as imatmul
from ms_func.source.hooks.containers.stores import imod as imod
from ms_func.source.hooks.containers.stores import imul as imul
from ms_func.source.hooks.containers.stores import ior as ior
from ms_func.source.hooks.containers.stores import ipow as ipow
from ms_func.source.hooks.containers.stores import irshift as irshift
from ms_func.source.hooks.containers.stores import isub as isub
from ms_func.source.hooks.containers.stores import itruediv as itruediv
from ms_func.source.hooks.containers.stores import ixor as ixor
from ms_func.source.hooks.containers.stores import set_cell as set_cell
from ms_func.source.hooks.containers.stores import set_global as set_global
from ms_func.source.hooks.containers.stores import setattr_ as setattr_
from ms_func.source.hooks.containers.stores import setitem as setitem
from ms_func.source.hooks.containers.stores import slice_ as slice_
from ms_func.source.hooks.containers.text import text as text
from ms_func.source.hooks.containers.uneven import is_uneven as is_uneven
from ms_func.source.hooks.containers.unpacking import gathered as gathered
from ms_func.source.hooks.containers.unpacking import spread as spread
from ms_func.source.hooks.containers.unpacking import unpacked as unpacked
from ms_func.source.hooks.flow.caught import ended as ended
from ms_func.source.hooks.flow.caught import guarded_ as guarded_
from ms_func.source.hooks.flow.caught import try_ as try_
from ms_func.source.hooks.flow.caught import with_ as with_
from ms_func.source.hooks.flow.comprehensions import comprehension as comprehension
from ms_func.source.hooks.flow.comprehensions import nested as nested
from ms_func.source.hooks.flow.iteration import for_ as for_
from ms_func.source.hooks.flow.iterators import generator as generator
from ms_func.source.hooks.flow.iterators import given as given
from ms_func.source.hooks.flow.iterators import items as items
from ms_func.source.hooks.flow.iterators import iterator as iterator
from ms_func.source.hooks.flow.loops import while_ as while_
from ms_func.source.hooks.flow.patterns import match_ as match_
from ms_func.source.hooks.flow.pushing import delegated as delegated
from ms_func.source.hooks.flow.pushing import endless as endless
from ms_func.source.hooks.flow.pushing import is_left as is_left
from ms_func.source.hooks.flow.pushing import take as take
from ms_func.source.hooks.heap.undefined import UNBOUND as UNBOUND
from ms_func.source.hooks.heap.undefined import UNDEFINED as UNDEFINED
from ms_func.source.hooks.joining.branch import and_ as and_
from ms_func.source.hooks.joining.branch import if_ as if_
from ms_func.source.hooks.joining.branch import ifexp as ifexp
from ms_func.source.hooks.joining.branch import not_ as not_
from ms_func.source.hooks.joining.branch import or_ as or_
from ms_func.source.hooks.values.binding import bound as bound
from ms_func.source.hooks.values.binding import bound_free as bound_free
from ms_func.source.hooks.values.binding import held as held
from ms_func.source.hooks.values.choice import Choice as Choice
from ms_func.source.hooks.values.failures import again as again
from ms_func.source.hooks.values.failures import assert_ as assert_
from ms_func.source.hooks.values.failures import catching as catching
from ms_func.source.hooks.values.failures import ending as ending
from ms_func.source.hooks.values.failures import raise_ as raise_
from ms_func.source.hooks.values.failures import refuse as refuse
