"""What drawing through the `gpu` module is made of: shaders, tables in textures, reading back, drawing state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import gpu
import numpy as np

gpu_types: Any = gpu.types
gpu_state: Any = gpu.state
"""To make objects of and to ask: the stubs know neither what constructors take nor what most functions give back."""
_TABLE_WIDTH = 2048
"""Texels per row of a table; Gaussian i lies in column i % width, row i // width."""
_SHADERS = Path(__file__).parent / "shaders"


@cache
def shader_source(name: str) -> str:
    """The text of a file in `shaders/`."""
    return (_SHADERS / name).read_text(encoding="utf-8")


@cache
def splat_shader() -> gpu.types.GPUShader:
    """Draws Gaussians."""
    varyings = gpu_types.GPUStageInterfaceInfo("emodifftalk_splat")
    varyings.smooth("VEC2", "place")
    varyings.flat("VEC4", "tint")
    varyings.flat("VEC2", "about")
    info = gpu.types.GPUShaderCreateInfo()
    info.define("TABLE_WIDTH", str(_TABLE_WIDTH))
    # 112 bytes of push constants, in pieces of 16: 128 is what every card has.
    info.push_constant("MAT4", "view")
    info.push_constant("VEC4", "lens")
    info.push_constant("VEC4", "picture")
    info.push_constant("VEC4", "options")
    for slot, name in enumerate(("order", "means", "quats", "scales", "colors", "scene_depth")):
        info.sampler(slot, "FLOAT_2D", name)
    info.vertex_in(0, "FLOAT", "corner")
    info.vertex_out(varyings)
    info.fragment_out(0, "VEC4", "splat_color")
    info.fragment_out(1, "VEC4", "splat_depth")
    info.vertex_source(shader_source("splat.vert.glsl"))
    info.fragment_source(shader_source("splat.frag.glsl"))
    return gpu.shader.create_from_info(info)


@cache
def compose_shader() -> gpu.types.GPUShader:
    """Lays what was drawn over a viewport."""
    varyings = gpu_types.GPUStageInterfaceInfo("emodifftalk_compose")
    varyings.smooth("VEC2", "at")
    info = gpu.types.GPUShaderCreateInfo()
    for name in ("clip", "line", "selected_color", "active_color", "ground", "rect"):
        info.push_constant("VEC4", name)
    info.sampler(0, "FLOAT_2D", "picture")
    info.sampler(1, "FLOAT_2D", "depths")
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(varyings)
    info.depth_write("ANY")
    info.fragment_out(0, "VEC4", "laid")
    info.vertex_source(shader_source("compose.vert.glsl"))
    info.fragment_source(shader_source("compose.frag.glsl"))
    return gpu.shader.create_from_info(info)


@cache
def rectangle() -> gpu.types.GPUBatch:
    """Two triangles over 0..1."""
    layout = gpu.types.GPUVertFormat()
    layout.attr_add(id="corner", comp_type="F32", len=2, fetch_mode="FLOAT")
    vertices = gpu_types.GPUVertBuf(layout, 6)
    corners = [[0, 0], [1, 0], [0, 1], [0, 1], [1, 0], [1, 1]]
    vertices.attr_fill("corner", np.array(corners, np.float32))
    return gpu_types.GPUBatch(type="TRIS", buf=vertices)


@cache
def nothing_near() -> gpu.types.GPUTexture:
    """A depth texture that hides nothing: every sampler has to be bound to something."""
    return gpu_types.GPUTexture((1, 1), format="R32F", data=gpu_types.Buffer("FLOAT", 1, [1.0]))


def set_anew(shader: gpu.types.GPUShader, name: str, values: Sequence[float]) -> None:
    """Set a push constant of the bound shader so that the driver takes notice, of all others in the same stages too.

    Mesa leaves out values that a shader has already, even if another context gave it those (viewports and renders have
    contexts of their own), and goes on drawing with what this context knew last: a render with an old camera.
    """
    shader.uniform_float(name, [value + 1.0 for value in values])
    shader.uniform_float(name, values)


def float_buffer(array: np.ndarray) -> gpu.types.Buffer:
    """A flat GPU buffer of float32 values."""
    flat = np.ascontiguousarray(array, np.float32).ravel()
    return gpu_types.Buffer("FLOAT", len(flat), flat)


def read_floats(texture: gpu.types.GPUTexture, channels: int) -> np.ndarray:
    """A texture's values, (H, W, channels) float32, row 0 at the top."""
    width, height = texture.width, texture.height
    buffer: Any = texture.read()  # type: ignore[func-returns-value]  # a Buffer, whatever the stub says
    # NumPy gets wrong strides from multi-dimensional buffers on 4.5 and 5.0 and would scramble the picture.
    buffer.dimensions = width * height * channels
    return np.array(buffer, dtype=np.float32).reshape(height, width, channels)[::-1]


def table(columns: np.ndarray) -> gpu.types.GPUTexture:
    """Rows (N, 1) or (N, 4) float32 as a texture with _TABLE_WIDTH texels per row."""
    count, channels = columns.shape
    # As many whole rows as hold all texels, zeros at the end: one row would be wider than cards allow a texture to be.
    rows = max(-(-count // _TABLE_WIDTH), 1)
    padded = np.zeros((rows * _TABLE_WIDTH, channels), np.float32)
    padded[:count] = columns
    data_format = {1: "R32F", 4: "RGBA32F"}[channels]
    return gpu_types.GPUTexture((_TABLE_WIDTH, rows), format=data_format, data=float_buffer(padded))


@contextmanager
def state(blend: str, depth_test: str, depth_mask: bool) -> Iterator[None]:
    """Set and restore the drawing state: what follows in Blender's own drawing expects it unchanged."""
    before = (gpu_state.blend_get(), gpu_state.depth_test_get(), gpu_state.depth_mask_get())
    gpu_state.blend_set(blend)
    gpu_state.depth_test_set(depth_test)
    gpu_state.depth_mask_set(depth_mask)
    try:
        yield
    finally:
        gpu_state.blend_set(before[0])
        gpu_state.depth_test_set(before[1])
        gpu_state.depth_mask_set(before[2])
