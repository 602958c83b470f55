"""The primitives and control flow under the names of the field.

The files of this folder hold what functions of these names do beyond one primitive: results laid
out over devices, products by prescribed arithmetics, decompositions with all their options.
"""

from ms_func.control_flow.associative_scan import associative_scan as associative_scan
from ms_func.control_flow.cond import cond as cond
from ms_func.control_flow.cond import switch as switch
from ms_func.control_flow.identities import optimization_barrier as optimization_barrier
from ms_func.control_flow.identities import stop_gradient as stop_gradient
from ms_func.control_flow.linear_solve import custom_linear_solve as custom_linear_solve
from ms_func.control_flow.linear_solve import custom_root as custom_root
from ms_func.control_flow.platforms import platform_dependent as platform_dependent
from ms_func.control_flow.reduction import reduce as reduce
from ms_func.control_flow.reduction import reduce_window as reduce_window
from ms_func.control_flow.scan import map as map
from ms_func.control_flow.scan import scan as scan
from ms_func.control_flow.while_loop import fori_loop as fori_loop
from ms_func.control_flow.while_loop import while_loop as while_loop
from ms_func.lax import linalg as linalg
from ms_func.lax import primitive_names
from ms_func.lax.accuracy import AccuracyMode as AccuracyMode
from ms_func.lax.accuracy import Tolerance as Tolerance
from ms_func.lax.accuracy import cbrt as cbrt
from ms_func.lax.accuracy import cos as cos
from ms_func.lax.accuracy import exp as exp
from ms_func.lax.accuracy import exp2 as exp2
from ms_func.lax.accuracy import expm1 as expm1
from ms_func.lax.accuracy import log as log
from ms_func.lax.accuracy import log1p as log1p
from ms_func.lax.accuracy import logistic as logistic
from ms_func.lax.accuracy import mul as mul
from ms_func.lax.accuracy import rsqrt as rsqrt
from ms_func.lax.accuracy import sin as sin
from ms_func.lax.accuracy import sqrt as sqrt
from ms_func.lax.accuracy import tan as tan
from ms_func.lax.accuracy import tanh as tanh
from ms_func.lax.layouts import broadcast as broadcast
from ms_func.lax.layouts import broadcast_in_dim as broadcast_in_dim
from ms_func.lax.layouts import broadcasted_iota as broadcasted_iota
from ms_func.lax.layouts import conv_general_dilated as conv_general_dilated
from ms_func.lax.layouts import convert_element_type as convert_element_type
from ms_func.lax.layouts import empty as empty
from ms_func.lax.layouts import full as full
from ms_func.lax.layouts import full_like as full_like
from ms_func.lax.layouts import iota as iota
from ms_func.lax.layouts import reduce_sum as reduce_sum
from ms_func.lax.layouts import reshape as reshape
from ms_func.lax.primitive_names import *  # noqa: F403
from ms_func.lax.products import DotAlgorithm as DotAlgorithm
from ms_func.lax.products import DotAlgorithmPreset as DotAlgorithmPreset
from ms_func.lax.products import DotDimensionNumbers as DotDimensionNumbers
from ms_func.lax.products import PrecisionLike as PrecisionLike
from ms_func.lax.products import RaggedDotDimensionNumbers as RaggedDotDimensionNumbers
from ms_func.lax.products import dot as dot
from ms_func.lax.products import dot_general as dot_general
from ms_func.lax.products import ragged_dot as ragged_dot
from ms_func.lax.products import ragged_dot_general as ragged_dot_general
from ms_func.lax.products import scaled_dot as scaled_dot
from ms_func.lax.selection import approx_max_k as approx_max_k
from ms_func.lax.selection import approx_min_k as approx_min_k
from ms_func.lax.selection import dynamic_index_in_dim as dynamic_index_in_dim
from ms_func.lax.selection import scatter_apply as scatter_apply
from ms_func.lax.staging import after_all as after_all
from ms_func.lax.staging import broadcast_like as broadcast_like
from ms_func.lax.staging import composite as composite
from ms_func.lax.staging import create_token as create_token
from ms_func.lax.staging import dce_sink as dce_sink
from ms_func.lax.staging import dtype as dtype
from ms_func.lax.staging import index_take as index_take
from ms_func.lax.staging import precv as precv
from ms_func.lax.staging import psend as psend
from ms_func.lax.staging import shape_as_value as shape_as_value
from ms_func.lax.staging import stage as stage
from ms_func.primitives.arg_extrema import argmax as argmax
from ms_func.primitives.arg_extrema import argmin as argmin
from ms_func.primitives.arithmetic import add as add
from ms_func.primitives.arithmetic import div as div
from ms_func.primitives.arithmetic import max as max
from ms_func.primitives.arithmetic import min as min
from ms_func.primitives.arithmetic import neg as neg
from ms_func.primitives.arithmetic import sub as sub
from ms_func.primitives.axis_slices import dynamic_slice_in_dim as dynamic_slice_in_dim
from ms_func.primitives.axis_slices import (
    dynamic_update_index_in_dim as dynamic_update_index_in_dim,
)
from ms_func.primitives.axis_slices import (
    dynamic_update_slice_in_dim as dynamic_update_slice_in_dim,
)
from ms_func.primitives.axis_slices import index_in_dim as index_in_dim
from ms_func.primitives.axis_slices import slice_in_dim as slice_in_dim
from ms_func.primitives.basis import transpose as transpose
from ms_func.primitives.bits import bitwise_and as bitwise_and
from ms_func.primitives.bits import bitwise_not as bitwise_not
from ms_func.primitives.bits import bitwise_or as bitwise_or
from ms_func.primitives.bits import bitwise_xor as bitwise_xor
from ms_func.primitives.bits import clz as clz
from ms_func.primitives.bits import population_count as population_count
from ms_func.primitives.bits import shift_left as shift_left
from ms_func.primitives.bits import shift_right_arithmetic as shift_right_arithmetic
from ms_func.primitives.bits import shift_right_logical as shift_right_logical
from ms_func.primitives.cast import bitcast_convert_type as bitcast_convert_type
from ms_func.primitives.cast import complex as complex
from ms_func.primitives.cast import conj as conj
from ms_func.primitives.cast import imag as imag
from ms_func.primitives.cast import real as real
from ms_func.primitives.cast import reduce_precision as reduce_precision
from ms_func.primitives.collective import pcast as pcast
from ms_func.primitives.collective import pmax as pmax
from ms_func.primitives.collective import pmean as pmean
from ms_func.primitives.collective import pmin as pmin
from ms_func.primitives.collective import psum as psum
from ms_func.primitives.collective import pvary as pvary
from ms_func.primitives.collective_moves import all_gather as all_gather
from ms_func.primitives.collective_moves import all_to_all as all_to_all
from ms_func.primitives.collective_moves import pbroadcast as pbroadcast
from ms_func.primitives.collective_moves import psum_scatter as psum_scatter
from ms_func.primitives.collective_moves import pswapaxes as pswapaxes
from ms_func.primitives.collective_places import axis_index as axis_index
from ms_func.primitives.collective_places import axis_size as axis_size
from ms_func.primitives.collective_places import ppermute as ppermute
from ms_func.primitives.collective_places import pshuffle as pshuffle
from ms_func.primitives.collective_ragged import ragged_all_to_all as ragged_all_to_all
from ms_func.primitives.compare import clamp as clamp
from ms_func.primitives.compare import eq as eq
from ms_func.primitives.compare import ge as ge
from ms_func.primitives.compare import gt as gt
from ms_func.primitives.compare import is_finite as is_finite
from ms_func.primitives.compare import le as le
from ms_func.primitives.compare import lt as lt
from ms_func.primitives.compare import ne as ne
from ms_func.primitives.compare import select as select
from ms_func.primitives.compare import select_n as select_n
from ms_func.primitives.conv import (
    ConvGeneralDilatedDimensionNumbers as ConvGeneralDilatedDimensionNumbers,
)
from ms_func.primitives.conv_forms import conv as conv
from ms_func.primitives.conv_forms import conv_general_dilated_local as conv_general_dilated_local
from ms_func.primitives.conv_forms import (
    conv_general_dilated_patches as conv_general_dilated_patches,
)
from ms_func.primitives.conv_forms import conv_general_shape_tuple as conv_general_shape_tuple
from ms_func.primitives.conv_forms import conv_shape_tuple as conv_shape_tuple
from ms_func.primitives.conv_forms import conv_transpose as conv_transpose
from ms_func.primitives.conv_forms import conv_transpose_shape_tuple as conv_transpose_shape_tuple
from ms_func.primitives.conv_forms import conv_with_general_padding as conv_with_general_padding
from ms_func.primitives.conv_layout import ConvDimensionNumbers as ConvDimensionNumbers
from ms_func.primitives.conv_layout import conv_dimension_numbers as conv_dimension_numbers
from ms_func.primitives.conv_layout import conv_general_permutations as conv_general_permutations
from ms_func.primitives.cumulative import cumlogsumexp as cumlogsumexp
from ms_func.primitives.cumulative import cummax as cummax
from ms_func.primitives.cumulative import cummin as cummin
from ms_func.primitives.cumulative import cumprod as cumprod
from ms_func.primitives.cumulative import cumsum as cumsum
from ms_func.primitives.dot import Precision as Precision
from ms_func.primitives.dot import batch_matmul as batch_matmul
from ms_func.primitives.elementwise import abs as abs
from ms_func.primitives.elementwise import acos as acos
from ms_func.primitives.elementwise import asin as asin
from ms_func.primitives.elementwise import atan as atan
from ms_func.primitives.elementwise import atan2 as atan2
from ms_func.primitives.elementwise import erf as erf
from ms_func.primitives.elementwise import erf_inv as erf_inv
from ms_func.primitives.elementwise import erfc as erfc
from ms_func.primitives.elementwise import nextafter as nextafter
from ms_func.primitives.elementwise import reciprocal as reciprocal
from ms_func.primitives.elementwise import sign as sign
from ms_func.primitives.elementwise import square as square
from ms_func.primitives.fft import FftType as FftType
from ms_func.primitives.fft import fft as fft
from ms_func.primitives.gather import gather as gather
from ms_func.primitives.hyperbolic import acosh as acosh
from ms_func.primitives.hyperbolic import asinh as asinh
from ms_func.primitives.hyperbolic import atanh as atanh
from ms_func.primitives.hyperbolic import cosh as cosh
from ms_func.primitives.hyperbolic import sinh as sinh
from ms_func.primitives.incomplete import betainc as betainc
from ms_func.primitives.incomplete import igamma as igamma
from ms_func.primitives.incomplete import igamma_grad_a as igamma_grad_a
from ms_func.primitives.incomplete import igammac as igammac
from ms_func.primitives.incomplete import random_gamma_grad as random_gamma_grad
from ms_func.primitives.indices import GatherDimensionNumbers as GatherDimensionNumbers
from ms_func.primitives.indices import GatherScatterMode as GatherScatterMode
from ms_func.primitives.indices import ScatterDimensionNumbers as ScatterDimensionNumbers
from ms_func.primitives.modulo import rem as rem
from ms_func.primitives.padding import padtype_to_pads as padtype_to_pads
from ms_func.primitives.pieces import concatenate as concatenate
from ms_func.primitives.pieces import pad as pad
from ms_func.primitives.pieces import slice as slice
from ms_func.primitives.pieces import split as split
from ms_func.primitives.powers import integer_pow as integer_pow
from ms_func.primitives.powers import pow as pow
from ms_func.primitives.reduce import reduce_and as reduce_and
from ms_func.primitives.reduce import reduce_max as reduce_max
from ms_func.primitives.reduce import reduce_min as reduce_min
from ms_func.primitives.reduce import reduce_or as reduce_or
from ms_func.primitives.reduce import reduce_prod as reduce_prod
from ms_func.primitives.reduce import reduce_xor as reduce_xor
from ms_func.primitives.rng import RandomAlgorithm as RandomAlgorithm
from ms_func.primitives.rng import rng_bit_generator as rng_bit_generator
from ms_func.primitives.rng import rng_bit_generator_p as rng_bit_generator_p
from ms_func.primitives.rng import rng_uniform as rng_uniform
from ms_func.primitives.rng import rng_uniform_p as rng_uniform_p
from ms_func.primitives.rounding import RoundingMethod as RoundingMethod
from ms_func.primitives.rounding import ceil as ceil
from ms_func.primitives.rounding import floor as floor
from ms_func.primitives.rounding import round as round
from ms_func.primitives.scatter import scatter as scatter
from ms_func.primitives.scatter import scatter_add as scatter_add
from ms_func.primitives.scatter import scatter_max as scatter_max
from ms_func.primitives.scatter import scatter_min as scatter_min
from ms_func.primitives.scatter import scatter_mul as scatter_mul
from ms_func.primitives.scatter import scatter_sub as scatter_sub
from ms_func.primitives.shape import broadcast_shapes as broadcast_shapes
from ms_func.primitives.shape import broadcast_to_rank as broadcast_to_rank
from ms_func.primitives.shape import collapse as collapse
from ms_func.primitives.shape import expand_dims as expand_dims
from ms_func.primitives.shape import rev as rev
from ms_func.primitives.shape import squeeze as squeeze
from ms_func.primitives.shape import tile as tile
from ms_func.primitives.sharding import with_sharding_constraint as with_sharding_constraint
from ms_func.primitives.slicing import dynamic_slice as dynamic_slice
from ms_func.primitives.slicing import dynamic_update_slice as dynamic_update_slice
from ms_func.primitives.sort import sort as sort
from ms_func.primitives.sort import sort_key_val as sort_key_val
from ms_func.primitives.sort import top_k as top_k
from ms_func.primitives.special import bessel_i0e as bessel_i0e
from ms_func.primitives.special import bessel_i1e as bessel_i1e
from ms_func.primitives.special import digamma as digamma
from ms_func.primitives.special import lgamma as lgamma
from ms_func.primitives.special import polygamma as polygamma
from ms_func.primitives.special import zeta as zeta
from ms_func.primitives.stacks import stack as stack
from ms_func.primitives.stacks import unstack as unstack
from ms_func.primitives.wide_products import mulhi as mulhi
from ms_func.primitives.window import reduce_window_shape_tuple as reduce_window_shape_tuple

__all__ = [
    "AccuracyMode",
    "ConvDimensionNumbers",
    "ConvGeneralDilatedDimensionNumbers",
    "DotAlgorithm",
    "DotAlgorithmPreset",
    "DotDimensionNumbers",
    "FftType",
    "GatherDimensionNumbers",
    "GatherScatterMode",
    "Precision",
    "PrecisionLike",
    "RaggedDotDimensionNumbers",
    "RandomAlgorithm",
    "RoundingMethod",
    "ScatterDimensionNumbers",
    "Tolerance",
    "abs",
    "acos",
    "acosh",
    "add",
    "after_all",
    "all_gather",
    "all_to_all",
    "approx_max_k",
    "approx_min_k",
    "argmax",
    "argmin",
    "asin",
    "asinh",
    "associative_scan",
    "atan",
    "atan2",
    "atanh",
    "axis_index",
    "axis_size",
    "batch_matmul",
    "bessel_i0e",
    "bessel_i1e",
    "betainc",
    "bitcast_convert_type",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "broadcast",
    "broadcast_in_dim",
    "broadcast_like",
    "broadcast_shapes",
    "broadcast_to_rank",
    "broadcasted_iota",
    "cbrt",
    "ceil",
    "clamp",
    "clz",
    "collapse",
    "complex",
    "composite",
    "concatenate",
    "cond",
    "conj",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_general_dilated_local",
    "conv_general_dilated_patches",
    "conv_general_permutations",
    "conv_general_shape_tuple",
    "conv_shape_tuple",
    "conv_transpose",
    "conv_transpose_shape_tuple",
    "conv_with_general_padding",
    "convert_element_type",
    "cos",
    "cosh",
    "create_token",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "custom_linear_solve",
    "custom_root",
    "digamma",
    "div",
    "dot",
    "dot_general",
    "dtype",
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
    "empty",
    "eq",
    "erf",
    "erf_inv",
    "erfc",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "fft",
    "floor",
    "fori_loop",
    "full",
    "full_like",
    "gather",
    "ge",
    "gt",
    "igamma",
    "igamma_grad_a",
    "igammac",
    "imag",
    "index_in_dim",
    "index_take",
    "integer_pow",
    "iota",
    "is_finite",
    "le",
    "lgamma",
    "linalg",
    "log",
    "log1p",
    "logistic",
    "lt",
    "map",
    "max",
    "min",
    "mul",
    "mulhi",
    "ne",
    "neg",
    "nextafter",
    "optimization_barrier",
    "pad",
    "padtype_to_pads",
    "pbroadcast",
    "pcast",
    "platform_dependent",
    "pmax",
    "pmean",
    "pmin",
    "polygamma",
    "population_count",
    "pow",
    "ppermute",
    "pshuffle",
    "psum",
    "psum_scatter",
    "pswapaxes",
    "pvary",
    "ragged_all_to_all",
    "ragged_dot",
    "ragged_dot_general",
    "random_gamma_grad",
    "real",
    "reciprocal",
    "reduce",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_precision",
    "reduce_prod",
    "reduce_sum",
    "reduce_window",
    "reduce_window_shape_tuple",
    "reduce_xor",
    "rem",
    "reshape",
    "rev",
    "round",
    "rsqrt",
    "scaled_dot",
    "scan",
    "scatter",
    "scatter_add",
    "scatter_apply",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_sub",
    "select",
    "select_n",
    "shape_as_value",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
    "sign",
    "sin",
    "sinh",
    "slice",
    "slice_in_dim",
    "sort",
    "sort_key_val",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "stage",
    "stop_gradient",
    "sub",
    "switch",
    "tan",
    "tanh",
    "tile",
    "top_k",
    "transpose",
    "unstack",
    "while_loop",
    "with_sharding_constraint",
    "zeta",
]
__all__ += primitive_names.__all__
__dir__ = __all__.copy
