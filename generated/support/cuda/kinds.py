"""The kinds of arguments that kernels take, as annotations of theirs: from these a device compiles them.

Arrays are flat: a kernel gets the address of the first element, since the description of an array with strides costs
more time at a launch, and more registers, than the few numbers that it needs.
"""


class Count:
    """A whole number, int32."""


class Counts:
    """Whole numbers in a row, int32."""


class Reals:
    """Numbers of the dtype that the kernel computes in, in a row."""


class Stored:
    """Numbers of the dtype of the call, in a row.

    Where that has 16 bits, an element that is read becomes float32, in which the kernel computes, and one that is
    written is rounded to the nearest.
    """
