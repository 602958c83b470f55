"""The array library: NumPy's functions on arrays of any backend, inside and outside of tracing.

Names and signatures are those of `jax.numpy` and the array API standard. Importing this package
gives arrays and traced values their operators and methods; `protocol`, which lets NumPy find its
functions, stands above it.
"""

from __future__ import annotations

import numpy as _np

from ms_func.dtypes import float0, issubdtype, promote_types, result_type
from ms_func.execution.array import Array as ndarray

from ms_func.numpy.arithmetic import (  # isort: skip
    clip, divmod, float_power, fmax, fmin, fmod, modf, positive, reciprocal, square,
)  # fmt: skip
from ms_func.numpy.array_methods import attach

from ms_func.numpy.bitwise import (  # isort: skip
    bitwise_count, bitwise_invert, bitwise_left_shift, bitwise_not, bitwise_right_shift, invert,
    left_shift, right_shift,
)  # fmt: skip
from ms_func.numpy.calculus import (  # isort: skip
    diff, ediff1d, gradient, interp, trapezoid, unwrap,
)  # fmt: skip
from ms_func.numpy.creation import (  # isort: skip
    array, asarray, astype, copy, frombuffer, fromfile, fromiter, fromstring,
)  # fmt: skip
from ms_func.numpy.filled import (  # isort: skip
    empty, empty_like, full, full_like, ones, ones_like, zeros, zeros_like,
)  # fmt: skip
from ms_func.numpy.intervals import arange, geomspace, linspace, logspace  # isort: skip
from ms_func.numpy.diagonals import (  # isort: skip
    diag, diag_indices, diag_indices_from, diagflat, diagonal, eye, fill_diagonal, identity,
    ix_, mask_indices, trace, tri, tril, tril_indices, tril_indices_from, triu, triu_indices,
    triu_indices_from, vander,
)  # fmt: skip
from ms_func.numpy.divisors import gcd, lcm
from ms_func.numpy.einsum import einsum, einsum_path

from ms_func.numpy.elementwise import (  # isort: skip
    abs, absolute, cbrt, conj, conjugate, exp, exp2, expm1, fabs, heaviside, imag, log, log10,
    log1p, log2, real, sign, sqrt,
)  # fmt: skip
from ms_func.numpy.floats import (  # isort: skip
    copysign, frexp, isclose, ldexp, nan_to_num, nextafter, signbit, spacing,
)  # fmt: skip
from ms_func.numpy.grids import (  # isort: skip
    c_, fromfunction, index_exp, indices, meshgrid, mgrid, ogrid, r_, s_,
)  # fmt: skip
from ms_func.numpy.joining import (  # isort: skip
    append, array_split, block, column_stack, concat, concatenate, dsplit, dstack, hsplit,
    hstack, split, stack, unstack, vsplit, vstack,
)  # fmt: skip
from ms_func.numpy.logic import (  # isort: skip
    equal, greater, greater_equal, iscomplex, isfinite, isinf, isnan, isneginf, isposinf, isreal,
    less, less_equal, logical_not, not_equal,
)  # fmt: skip
from ms_func.numpy.manipulation import (  # isort: skip
    atleast_1d, atleast_2d, atleast_3d, broadcast_arrays, broadcast_shapes, broadcast_to,
    expand_dims, matrix_transpose, moveaxis, permute_dims, ravel, reshape, rollaxis, squeeze,
    swapaxes, transpose,
)  # fmt: skip
from ms_func.numpy.reordering import flip, fliplr, flipud, roll, rot90  # isort: skip
from ms_func.numpy.means import average, mean, std, var  # isort: skip
from ms_func.numpy.metadata import (  # isort: skip
    __array_namespace_info__, can_cast, from_dlpack, iscomplexobj, isdtype, isrealobj,
    isscalar, iterable, load, ndim, save, savez, shape, size,
)  # fmt: skip
from ms_func.numpy.polynomial import (  # isort: skip
    poly, polyadd, polyder, polydiv, polyfit, polyint, polymul, polysub, polyval, roots,
)  # fmt: skip
from ms_func.numpy.products import (  # isort: skip
    convolve, correlate, cross, dot, inner, kron, matmul, matvec, outer, tensordot, vdot,
    vecdot, vecmat,
)  # fmt: skip
from ms_func.numpy.nan_reductions import (  # isort: skip
    nanmax, nanmean, nanmin, nanprod, nanstd, nansum, nanvar,
)  # fmt: skip
from ms_func.numpy.reductions import (  # isort: skip
    all, allclose, amax, amin, any, array_equal, array_equiv, count_nonzero, max, min, prod, ptp,
    sum,
)  # fmt: skip
from ms_func.numpy.repeating import (  # isort: skip
    delete, insert, place, put, repeat, resize, tile, trim_zeros,
)  # fmt: skip
from ms_func.numpy.packing import packbits, unpackbits  # isort: skip
from ms_func.numpy.padding import pad  # isort: skip
from ms_func.numpy.rounding import around, ceil, fix, floor, rint, round, trunc

from ms_func.numpy.running import (  # isort: skip
    cumprod, cumsum, cumulative_prod, cumulative_sum, nancumprod, nancumsum,
)  # fmt: skip
from ms_func.numpy.scalar_types import (  # isort: skip
    bfloat16, bool_, cdouble, complex128, complex64, complex_, csingle, double, finfo, float16,
    float32, float4_e2m1fn, float64, float6_e2m3fn, float6_e3m2fn, float8_e3m4, float8_e4m3,
    float8_e4m3b11fnuz, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2, float8_e5m2fnuz,
    float8_e8m0fnu, float_, iinfo, int1, int16, int2, int32, int4, int64, int8, int_, single,
    uint, uint1, uint16, uint2, uint32, uint4, uint64, uint8,
)  # fmt: skip
from ms_func.numpy.searching import (  # isort: skip
    argmax, argmin, argwhere, bincount, flatnonzero, nanargmax, nanargmin, nonzero,
    ravel_multi_index, unravel_index, where,
)  # fmt: skip
from ms_func.numpy.choosing import choose, compress, extract, piecewise, select  # isort: skip
from ms_func.numpy.taking import put_along_axis  # isort: skip
from ms_func.numpy.taking import take  # isort: skip
from ms_func.numpy.taking import take_along_axis  # isort: skip
from ms_func.numpy.sorting import (  # isort: skip
    argpartition, argsort, digitize, lexsort, partition, searchsorted, sort, sort_complex,
)  # fmt: skip
from ms_func.numpy.sets import (  # isort: skip
    intersect1d, isin, setdiff1d, setxor1d, union1d, unique, unique_all, unique_counts,
    unique_inverse, unique_values,
)  # fmt: skip
from ms_func.numpy.quantiles import (  # isort: skip
    median, nanmedian, nanpercentile, nanquantile, percentile, quantile,
)  # fmt: skip
from ms_func.numpy.statistics import (  # isort: skip
    corrcoef, cov, histogram, histogram2d, histogram_bin_edges, histogramdd,
)  # fmt: skip
from ms_func.numpy.trigonometry import (  # isort: skip
    acos, acosh, angle, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, asin, asinh,
    atan, atan2, atanh, cos, cosh, deg2rad, degrees, hypot, rad2deg, radians, sin, sinc, sinh, tan,
    tanh,
)  # fmt: skip
from ms_func.numpy.ufunc import (  # isort: skip
    add, bitwise_and, bitwise_or, bitwise_xor, divide, floor_divide, frompyfunc, logaddexp,
    logaddexp2, logical_and, logical_or, logical_xor, maximum, minimum, mod, multiply,
    negative, pow, power, remainder, subtract, true_divide, ufunc,
)  # fmt: skip
from ms_func.numpy.vectorize import (  # isort: skip
    apply_along_axis, apply_over_axes, vectorize,
)  # fmt: skip
from ms_func.numpy.windows import (  # isort: skip
    bartlett, blackman, hamming, hanning, i0, kaiser,
)  # fmt: skip
from ms_func.numpy import fft, linalg

attach()

pi, e, inf, nan, euler_gamma = _np.pi, _np.e, _np.inf, _np.nan, _np.euler_gamma
newaxis = None
__array_api_version__ = "2024.12"
bool = bool_
dtype = _np.dtype
generic, number, integer, inexact = _np.generic, _np.number, _np.integer, _np.inexact
signedinteger, unsignedinteger = _np.signedinteger, _np.unsignedinteger
floating, complexfloating, flexible = _np.floating, _np.complexfloating, _np.flexible
character, object_ = _np.character, _np.object_
ComplexWarning = _np.exceptions.ComplexWarning
set_printoptions, get_printoptions = _np.set_printoptions, _np.get_printoptions
printoptions, array_repr, array_str = _np.printoptions, _np.array_repr, _np.array_str

__all__ = [  # noqa: RUF022
    "ComplexWarning", "__array_namespace_info__", "abs", "absolute", "acos", "acosh", "add",
    "all", "allclose", "amax", "amin", "angle", "any", "append", "apply_along_axis",
    "apply_over_axes", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "argpartition", "argsort", "argwhere", "around", "array",
    "array_equal", "array_equiv", "array_repr", "array_split", "array_str", "asarray", "asin",
    "asinh", "astype", "atan", "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d",
    "average", "bartlett", "bfloat16", "bincount", "bitwise_and", "bitwise_count",
    "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "blackman", "block", "bool", "bool_", "broadcast_arrays", "broadcast_shapes",
    "broadcast_to", "c_", "can_cast", "cbrt", "cdouble", "ceil", "character", "choose", "clip",
    "column_stack", "complex128", "complex64", "complex_", "complexfloating", "compress",
    "concat", "concatenate", "conj", "conjugate", "convolve", "copy", "copysign", "corrcoef",
    "correlate", "cos", "cosh", "count_nonzero", "cov", "cross", "csingle", "cumprod", "cumsum",
    "cumulative_prod", "cumulative_sum", "deg2rad", "degrees", "delete", "diag", "diag_indices",
    "diag_indices_from", "diagflat", "diagonal", "diff", "digitize", "divide", "divmod", "dot",
    "double", "dsplit", "dstack", "dtype", "e", "ediff1d", "einsum", "einsum_path", "empty",
    "empty_like", "equal", "euler_gamma", "exp", "exp2", "expand_dims", "expm1", "extract",
    "eye", "fabs", "fft", "fill_diagonal", "finfo", "fix", "flatnonzero", "flexible", "flip",
    "fliplr", "flipud", "float0", "float16", "float32", "float4_e2m1fn", "float64",
    "float6_e2m3fn", "float6_e3m2fn", "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz",
    "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
    "float_", "float_power", "floating", "floor", "floor_divide", "fmax", "fmin", "fmod",
    "frexp", "from_dlpack", "frombuffer", "fromfile", "fromfunction", "fromiter", "frompyfunc",
    "fromstring", "full", "full_like", "gcd", "generic", "geomspace", "get_printoptions",
    "gradient", "greater", "greater_equal", "hamming", "hanning", "heaviside", "histogram",
    "histogram2d", "histogram_bin_edges", "histogramdd", "hsplit", "hstack", "hypot", "i0",
    "identity", "iinfo", "imag", "index_exp", "indices", "inexact", "inf", "inner", "insert",
    "int1", "int16", "int2", "int32", "int4", "int64", "int8", "int_", "integer", "interp",
    "intersect1d", "invert", "isclose", "iscomplex", "iscomplexobj", "isdtype", "isfinite",
    "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal", "isrealobj", "isscalar",
    "issubdtype", "iterable", "ix_", "kaiser", "kron", "lcm", "ldexp", "left_shift", "less",
    "less_equal", "lexsort", "linalg", "linspace", "load", "log", "log10", "log1p", "log2",
    "logaddexp", "logaddexp2", "logical_and", "logical_not", "logical_or", "logical_xor",
    "logspace", "mask_indices", "matmul", "matrix_transpose", "matvec", "max", "maximum",
    "mean", "median", "meshgrid", "mgrid", "min", "minimum", "mod", "modf", "moveaxis",
    "multiply", "nan", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum",
    "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile",
    "nanstd", "nansum", "nanvar", "ndarray", "ndim", "negative", "newaxis", "nextafter",
    "nonzero", "not_equal", "number", "object_", "ogrid", "ones", "ones_like", "outer",
    "packbits", "pad", "partition", "percentile", "permute_dims", "pi", "piecewise", "place",
    "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub",
    "polyval", "positive", "pow", "power", "printoptions", "prod", "promote_types", "ptp",
    "put", "put_along_axis", "quantile", "r_", "rad2deg", "radians", "ravel",
    "ravel_multi_index", "real", "reciprocal", "remainder", "repeat", "reshape", "resize",
    "result_type", "right_shift", "rint", "roll", "rollaxis", "roots", "rot90", "round", "s_",
    "save", "savez", "searchsorted", "select", "set_printoptions", "setdiff1d", "setxor1d",
    "shape", "sign", "signbit", "signedinteger", "sin", "sinc", "single", "sinh", "size",
    "sort", "sort_complex", "spacing", "split", "sqrt", "square", "squeeze", "stack", "std",
    "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot",
    "tile", "trace", "transpose", "trapezoid", "tri", "tril", "tril_indices",
    "tril_indices_from", "trim_zeros", "triu", "triu_indices", "triu_indices_from",
    "true_divide", "trunc", "ufunc", "uint", "uint1", "uint16", "uint2", "uint32", "uint4",
    "uint64", "uint8", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse",
    "unique_values", "unpackbits", "unravel_index", "unsignedinteger", "unstack", "unwrap",
    "vander", "var", "vdot", "vecdot", "vecmat", "vectorize", "vsplit", "vstack", "where",
    "zeros", "zeros_like",
]  # fmt: skip
__dir__ = __all__.copy
