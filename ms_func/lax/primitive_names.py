"""The primitives under the names of the field: `add_p`, `dot_general_p`, ...; no code of its own.

Their operands are those of the functions of the same name; their parameters are this library's
(`python -m ms_func.rules` prints them).
"""

from __future__ import annotations

from ms_func.control_flow.cond import cond_p as cond_p
from ms_func.control_flow.identities import optimization_barrier_p as optimization_barrier_p
from ms_func.control_flow.identities import stop_gradient_p as stop_gradient_p
from ms_func.control_flow.linear_solve import linear_solve_p as linear_solve_p
from ms_func.control_flow.reduction import reduce_p as reduce_p
from ms_func.control_flow.reduction import reduce_window_p as reduce_window_p
from ms_func.control_flow.scan_primitive import scan_p as scan_p
from ms_func.control_flow.while_primitive import while_p as while_p
from ms_func.primitives.arg_extrema import argmax_p as argmax_p
from ms_func.primitives.arg_extrema import argmin_p as argmin_p
from ms_func.primitives.arithmetic import add_p as add_p
from ms_func.primitives.arithmetic import div_p as div_p
from ms_func.primitives.arithmetic import max_p as max_p
from ms_func.primitives.arithmetic import min_p as min_p
from ms_func.primitives.arithmetic import mul_p as mul_p
from ms_func.primitives.arithmetic import neg_p as neg_p
from ms_func.primitives.arithmetic import sub_p as sub_p
from ms_func.primitives.basis import broadcast_in_dim_p as broadcast_in_dim_p
from ms_func.primitives.basis import reduce_sum_p as reduce_sum_p
from ms_func.primitives.basis import transpose_p as transpose_p
from ms_func.primitives.bits import and_p as and_p
from ms_func.primitives.bits import clz_p as clz_p
from ms_func.primitives.bits import not_p as not_p
from ms_func.primitives.bits import or_p as or_p
from ms_func.primitives.bits import popcnt_p as population_count_p
from ms_func.primitives.bits import shift_left_p as shift_left_p
from ms_func.primitives.bits import shift_right_arithmetic_p as shift_right_arithmetic_p
from ms_func.primitives.bits import shift_right_logical_p as shift_right_logical_p
from ms_func.primitives.bits import xor_p as xor_p
from ms_func.primitives.cast import bitcast_p as bitcast_convert_type_p
from ms_func.primitives.cast import complex_p as complex_p
from ms_func.primitives.cast import conj_p as conj_p
from ms_func.primitives.cast import convert_p as convert_element_type_p
from ms_func.primitives.cast import imag_p as imag_p
from ms_func.primitives.cast import real_p as real_p
from ms_func.primitives.cast import reduce_precision_p as reduce_precision_p
from ms_func.primitives.collective import pmax_p as pmax_p
from ms_func.primitives.collective import pmin_p as pmin_p
from ms_func.primitives.collective import psum_p as psum_p
from ms_func.primitives.collective_moves import all_gather_p as all_gather_p
from ms_func.primitives.collective_moves import all_to_all_p as all_to_all_p
from ms_func.primitives.collective_places import axis_index_p as axis_index_p
from ms_func.primitives.collective_places import ppermute_p as ppermute_p
from ms_func.primitives.compare import clamp_p as clamp_p
from ms_func.primitives.compare import eq_p as eq_p
from ms_func.primitives.compare import ge_p as ge_p
from ms_func.primitives.compare import gt_p as gt_p
from ms_func.primitives.compare import is_finite_p as is_finite_p
from ms_func.primitives.compare import le_p as le_p
from ms_func.primitives.compare import lt_p as lt_p
from ms_func.primitives.compare import ne_p as ne_p
from ms_func.primitives.conv import conv_general_dilated_p as conv_general_dilated_p
from ms_func.primitives.cumulative import cumlogsumexp_p as cumlogsumexp_p
from ms_func.primitives.cumulative import cummax_p as cummax_p
from ms_func.primitives.cumulative import cummin_p as cummin_p
from ms_func.primitives.cumulative import cumprod_p as cumprod_p
from ms_func.primitives.cumulative import cumsum_p as cumsum_p
from ms_func.primitives.dot import dot_general_p as dot_general_p
from ms_func.primitives.elementwise import abs_p as abs_p
from ms_func.primitives.elementwise import acos_p as acos_p
from ms_func.primitives.elementwise import asin_p as asin_p
from ms_func.primitives.elementwise import atan2_p as atan2_p
from ms_func.primitives.elementwise import atan_p as atan_p
from ms_func.primitives.elementwise import cbrt_p as cbrt_p
from ms_func.primitives.elementwise import cos_p as cos_p
from ms_func.primitives.elementwise import erf_inv_p as erf_inv_p
from ms_func.primitives.elementwise import erf_p as erf_p
from ms_func.primitives.elementwise import erfc_p as erfc_p
from ms_func.primitives.elementwise import exp2_p as exp2_p
from ms_func.primitives.elementwise import exp_p as exp_p
from ms_func.primitives.elementwise import expm1_p as expm1_p
from ms_func.primitives.elementwise import log1p_p as log1p_p
from ms_func.primitives.elementwise import nextafter_p as nextafter_p
from ms_func.primitives.elementwise import rsqrt_p as rsqrt_p
from ms_func.primitives.elementwise import sign_p as sign_p
from ms_func.primitives.elementwise import sin_p as sin_p
from ms_func.primitives.elementwise import sqrt_p as sqrt_p
from ms_func.primitives.elementwise import tan_p as tan_p
from ms_func.primitives.fft import fft_p as fft_p
from ms_func.primitives.gather import gather_p as gather_p
from ms_func.primitives.hyperbolic import acosh_p as acosh_p
from ms_func.primitives.hyperbolic import asinh_p as asinh_p
from ms_func.primitives.hyperbolic import atanh_p as atanh_p
from ms_func.primitives.hyperbolic import cosh_p as cosh_p
from ms_func.primitives.hyperbolic import logistic_p as logistic_p
from ms_func.primitives.hyperbolic import sinh_p as sinh_p
from ms_func.primitives.hyperbolic import tanh_p as tanh_p
from ms_func.primitives.incomplete import betainc_p as regularized_incomplete_beta_p
from ms_func.primitives.incomplete import igamma_grad_a_p as igamma_grad_a_p
from ms_func.primitives.incomplete import igamma_p as igamma_p
from ms_func.primitives.incomplete import igammac_p as igammac_p
from ms_func.primitives.incomplete import random_gamma_grad_p as random_gamma_grad_p
from ms_func.primitives.modulo import rem_p as rem_p
from ms_func.primitives.pieces import concatenate_p as concatenate_p
from ms_func.primitives.pieces import pad_p as pad_p
from ms_func.primitives.pieces import slice_p as slice_p
from ms_func.primitives.pieces import split_p as split_p
from ms_func.primitives.powers import integer_pow_p as integer_pow_p
from ms_func.primitives.powers import log_p as log_p
from ms_func.primitives.powers import pow_p as pow_p
from ms_func.primitives.reduce import reduce_and_p as reduce_and_p
from ms_func.primitives.reduce import reduce_max_p as reduce_max_p
from ms_func.primitives.reduce import reduce_min_p as reduce_min_p
from ms_func.primitives.reduce import reduce_or_p as reduce_or_p
from ms_func.primitives.reduce import reduce_prod_p as reduce_prod_p
from ms_func.primitives.reduce import reduce_xor_p as reduce_xor_p
from ms_func.primitives.rng import rng_bit_generator_p as rng_bit_generator_p
from ms_func.primitives.rng import rng_uniform_p as rng_uniform_p
from ms_func.primitives.rounding import ceil_p as ceil_p
from ms_func.primitives.rounding import floor_p as floor_p
from ms_func.primitives.rounding import round_p as round_p
from ms_func.primitives.scatter import scatter_add_p as scatter_add_p
from ms_func.primitives.scatter import scatter_max_p as scatter_max_p
from ms_func.primitives.scatter import scatter_min_p as scatter_min_p
from ms_func.primitives.scatter import scatter_mul_p as scatter_mul_p
from ms_func.primitives.scatter import scatter_p as scatter_p
from ms_func.primitives.shape import iota_p as iota_p
from ms_func.primitives.shape import reshape_p as reshape_p
from ms_func.primitives.shape import rev_p as rev_p
from ms_func.primitives.sharding import sharding_constraint_p as sharding_constraint_p
from ms_func.primitives.slicing import dynamic_slice_p as dynamic_slice_p
from ms_func.primitives.slicing import dynamic_update_slice_p as dynamic_update_slice_p
from ms_func.primitives.sort import sort_p as sort_p
from ms_func.primitives.sort import top_k_p as top_k_p
from ms_func.primitives.special import bessel_i0e_p as bessel_i0e_p
from ms_func.primitives.special import bessel_i1e_p as bessel_i1e_p
from ms_func.primitives.special import digamma_p as digamma_p
from ms_func.primitives.special import lgamma_p as lgamma_p
from ms_func.primitives.special import polygamma_p as polygamma_p
from ms_func.primitives.special import zeta_p as zeta_p
from ms_func.primitives.window import reduce_window_max_p as reduce_window_max_p
from ms_func.primitives.window import reduce_window_min_p as reduce_window_min_p
from ms_func.primitives.window import reduce_window_sum_p as reduce_window_sum_p
from ms_func.primitives.window_select import select_and_gather_add_p as select_and_gather_add_p
from ms_func.primitives.window_select import select_and_scatter_add_p as select_and_scatter_add_p

__all__ = [
    "abs_p",
    "acos_p",
    "acosh_p",
    "add_p",
    "all_gather_p",
    "all_to_all_p",
    "and_p",
    "argmax_p",
    "argmin_p",
    "asin_p",
    "asinh_p",
    "atan2_p",
    "atan_p",
    "atanh_p",
    "axis_index_p",
    "bessel_i0e_p",
    "bessel_i1e_p",
    "bitcast_convert_type_p",
    "broadcast_in_dim_p",
    "cbrt_p",
    "ceil_p",
    "clamp_p",
    "clz_p",
    "complex_p",
    "concatenate_p",
    "cond_p",
    "conj_p",
    "conv_general_dilated_p",
    "convert_element_type_p",
    "cos_p",
    "cosh_p",
    "cumlogsumexp_p",
    "cummax_p",
    "cummin_p",
    "cumprod_p",
    "cumsum_p",
    "digamma_p",
    "div_p",
    "dot_general_p",
    "dynamic_slice_p",
    "dynamic_update_slice_p",
    "eq_p",
    "erf_inv_p",
    "erf_p",
    "erfc_p",
    "exp2_p",
    "exp_p",
    "expm1_p",
    "fft_p",
    "floor_p",
    "gather_p",
    "ge_p",
    "gt_p",
    "igamma_grad_a_p",
    "igamma_p",
    "igammac_p",
    "imag_p",
    "integer_pow_p",
    "iota_p",
    "is_finite_p",
    "le_p",
    "lgamma_p",
    "linear_solve_p",
    "log1p_p",
    "log_p",
    "logistic_p",
    "lt_p",
    "max_p",
    "min_p",
    "mul_p",
    "ne_p",
    "neg_p",
    "nextafter_p",
    "not_p",
    "optimization_barrier_p",
    "or_p",
    "pad_p",
    "pmax_p",
    "pmin_p",
    "polygamma_p",
    "population_count_p",
    "pow_p",
    "ppermute_p",
    "psum_p",
    "random_gamma_grad_p",
    "real_p",
    "reduce_and_p",
    "reduce_max_p",
    "reduce_min_p",
    "reduce_or_p",
    "reduce_p",
    "reduce_precision_p",
    "reduce_prod_p",
    "reduce_sum_p",
    "reduce_window_max_p",
    "reduce_window_min_p",
    "reduce_window_p",
    "reduce_window_sum_p",
    "reduce_xor_p",
    "regularized_incomplete_beta_p",
    "rem_p",
    "reshape_p",
    "rev_p",
    "rng_bit_generator_p",
    "rng_uniform_p",
    "round_p",
    "rsqrt_p",
    "scan_p",
    "scatter_add_p",
    "scatter_max_p",
    "scatter_min_p",
    "scatter_mul_p",
    "scatter_p",
    "select_and_gather_add_p",
    "select_and_scatter_add_p",
    "sharding_constraint_p",
    "shift_left_p",
    "shift_right_arithmetic_p",
    "shift_right_logical_p",
    "sign_p",
    "sin_p",
    "sinh_p",
    "slice_p",
    "sort_p",
    "split_p",
    "sqrt_p",
    "stop_gradient_p",
    "sub_p",
    "tan_p",
    "tanh_p",
    "top_k_p",
    "transpose_p",
    "while_p",
    "xor_p",
    "zeta_p",
]
