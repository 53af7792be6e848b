"""Vector registers of the processor, and instructions on them that compiled loops are made of."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core.cgutils import get_or_insert_function
from numba.core.registry import cpu_target

from xpnet.fused.numba.compilation.views import WHOLE

SHORT = ir.IntType(32)


class Registers(NamedTuple):
    """What a target has: bytes of a register, how many, and whether it multiplies and adds at once.

    On a processor that LLVM does not know, the code is right all the same, and slower.
    """

    size: int
    number: int
    fused: bool


def registers_of(context: Any) -> Registers:
    """Those of what numba compiles for, which environment variables of it may set."""
    triple, _, features = context.codegen().magic_tuple()
    has = set(features.split(","))
    if triple.startswith(("aarch64", "arm64")):
        return Registers(16, 32, True)
    if "+avx512f" in has:
        return Registers(64, 32, True)
    return Registers(32, 16, "+fma" in has) if "+avx" in has else Registers(16, 16, False)


@cache
def registers_here() -> Registers:
    """Those of what numba compiles for in this process."""
    return registers_of(cpu_target.target_context)


def prefetch_line(builder: Any, pointer: Any) -> None:
    """Ask for the cache line that a pointer leads to, without waiting for it."""
    byte = ir.IntType(8).as_pointer()
    of_type = ir.FunctionType(ir.VoidType(), [byte, SHORT, SHORT, SHORT])
    to_read, in_all_caches, data = (ir.Constant(SHORT, value) for value in (0, 3, 1))
    prefetch = get_or_insert_function(builder.module, of_type, "llvm.prefetch.p0")
    builder.call(prefetch, [builder.bitcast(pointer, byte), to_read, in_all_caches, data])


class Vectors:
    """Instructions on vectors of the numbers of one dtype, as many as a register holds."""

    def __init__(self, context: Any, builder: Any, dtype: Any) -> None:
        self.builder = builder
        self.registers = registers_of(context)
        self.real = context.get_value_type(dtype)
        self.itemsize = context.get_abi_sizeof(self.real)
        self.lanes = self.registers.size // self.itemsize
        self.type = ir.VectorType(self.real, self.lanes)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)
        self.all = ir.Constant(ir.VectorType(ir.IntType(1), self.lanes), [1] * self.lanes)
        self.name = f"v{self.lanes}f{8 * self.itemsize}"

    def place(self, address: Any, entries: Any) -> Any:
        """The address of what lies so many entries behind one."""
        size = ir.Constant(WHOLE, self.itemsize)
        return self.builder.add(address, self.builder.mul(entries, size))

    def mask(self, number: Any) -> Any:
        """True in the first lanes, so many."""
        lanes = ir.VectorType(SHORT, self.lanes)
        number = self._same(self.builder.trunc(number, SHORT), lanes)
        return self.builder.icmp_signed("<", ir.Constant(lanes, list(range(self.lanes))), number)

    def where(self, is_true: Any, mask: Any) -> Any:
        """The mask, or none of its lanes."""
        return self.builder.select(is_true, mask, ir.Constant(mask.type, [0] * self.lanes))

    def load(self, address: Any, vector: int, mask: Any) -> Any:
        """The vector of that number from an address on; 0 where the mask is false."""
        of_type = ir.FunctionType(self.type, [self.type.as_pointer(), SHORT, mask.type, self.type])
        load = self._function(f"llvm.masked.load.{self.name}.p0", of_type)
        return self.builder.call(load, [self._at(address, vector), self._align(), mask, self.zero])

    def store(self, value: Any, address: Any, vector: int, mask: Any) -> None:
        """Write where the mask is true."""
        of_type = ir.FunctionType(
            ir.VoidType(), [self.type, self.type.as_pointer(), SHORT, mask.type]
        )
        store = self._function(f"llvm.masked.store.{self.name}.p0", of_type)
        self.builder.call(store, [value, self._at(address, vector), self._align(), mask])

    def prefetch(self, address: Any, vector: int) -> None:
        """Ask for the cache line where a vector begins."""
        prefetch_line(self.builder, self._at(address, vector))

    def spread(self, address: Any) -> Any:
        """One number in all lanes."""
        pointer = self.builder.inttoptr(address, self.real.as_pointer())
        return self._same(self.builder.load(pointer), self.type)

    def plus_product(self, a: Any, b: Any, c: Any) -> Any:
        """``a b + c``."""
        if not self.registers.fused:
            return self.builder.fadd(self.builder.fmul(a, b), c)
        of_type = ir.FunctionType(self.type, [self.type] * 3)
        return self.builder.call(self._function(f"llvm.fma.{self.name}", of_type), [a, b, c])

    def shuffled(self, a: Any, b: Any, lanes: list[int]) -> Any:
        """Those lanes of two vectors, b's numbered after a's."""
        mask = ir.Constant(ir.VectorType(SHORT, len(lanes)), lanes)
        return self.builder.shuffle_vector(a, b, mask)

    def _same(self, value: Any, of_type: Any) -> Any:
        undefined = ir.Constant(of_type, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(SHORT, 0))
        return self.shuffled(first, undefined, [0] * of_type.count)

    def _at(self, address: Any, vector: int) -> Any:
        begin = self.builder.add(address, ir.Constant(WHOLE, vector * self.registers.size))
        return self.builder.inttoptr(begin, self.type.as_pointer())

    def _align(self) -> Any:
        return ir.Constant(SHORT, self.itemsize)

    def _function(self, name: str, of_type: Any) -> Any:
        return get_or_insert_function(self.builder.module, of_type, name)
