"""`custom_gradient`: a function that gives its result together with its reverse derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ms_func import tree
from ms_func.control_flow.closure_convert import closure_convert
from ms_func.control_flow.custom_vjp import custom_vjp
from ms_func.errors import ArgumentTypeError
from ms_func.tracing.arguments import function_name, wraps


def custom_gradient(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function differentiable by the rule that it returns beside its result.

    Args:
        fun: function giving `(result, vjp)`, where `vjp(cotangent)` is the cotangent of the one
            argument, or the tuple of those of all arguments. `vjp` may close over values.

    Returns:
        A function of the same arguments giving the result alone. Its derivatives are reverse
        mode only, as those of `custom_vjp`.

    Example:
        >>> from ms_func.api.differentiate import grad
        >>> float(grad(custom_gradient(lambda x: (x**2, lambda g: (g * 3.0,))))(2.0))
        3.0
    """

    @wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        call = partial(fun, **kwargs)

        def forward(*args: Any) -> tuple[Any, Any]:
            ans, rule = call(*args)
            converted, values = closure_convert(rule, ans)
            return ans, tree.Partial(_Rule(converted), *values)

        def backward(rule: Any, ct: Any) -> tuple[Any, ...]:
            cts = rule.func.converted(ct, *rule.args)
            cts = cts if isinstance(cts, tuple) else (cts,)
            if len(cts) != len(args):
                raise ArgumentTypeError(
                    f"the vjp function of `{function_name(fun)}` must give a cotangent for each of "
                    f"its {len(args)} arguments, got {len(cts)}"
                )
            return cts

        primal = custom_vjp(wraps(fun)(lambda *args: call(*args)[0]))
        primal.defvjp(forward, backward)
        return primal(*args)

    return wrapped


class _Rule:
    """A converted rule, as part of the structure of residuals."""

    __slots__ = ("converted",)

    def __init__(self, converted: Callable[..., Any]) -> None:
        self.converted = converted

    def __call__(self, *args: Any) -> Any:
        return self.converted(*args)
