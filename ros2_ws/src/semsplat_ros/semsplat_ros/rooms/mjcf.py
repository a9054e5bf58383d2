# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A room as a MuJoCo model (MJCF)."""

from collections.abc import Iterable

from semsplat_ros.rooms.builder import Primitive
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.textures import texture_png

NEAR, FAR = 0.025, 60.0
"""Clipping planes, metres."""
EXTENT = 5.0
"""Metres that MuJoCo takes for the size of the scene; the clipping planes are multiples of it."""


def mjcf(
    room: Room, width: int, height: int, shadow_size: int, samples: int
) -> tuple[str, dict[str, bytes]]:
    """The room's model and the files it refers to.

    Args:
        room: what to write.
        width: columns of the offscreen buffer.
        height: rows of the offscreen buffer.
        shadow_size: side of the shadow map in pixels; 0 for no shadows.
        samples: multisampling; 0 for none.

    Returns:
        The XML, and file name -> content for ``MjModel.from_xml_string(xml, assets)``. The geom
        names are
        ``<instance>_<primitive>``; the one camera is called ``camera``.
    """
    textures: dict[tuple[tuple[str, int], bool], str] = {}
    assets: dict[str, bytes] = {}
    materials = []
    for index, m in enumerate(room.materials):
        textured = ""
        if m.texture is not None:
            file = f"{m.texture[0]}_{m.texture[1]}.png"
            name = textures.setdefault((m.texture, m.cube), f"t{len(textures)}")
            assets[file] = texture_png(room.texture_bank, *m.texture)
            textured = f'texture="{name}" texrepeat="{m.repeat[0]:.2f} {m.repeat[1]:.2f}"'
        elif m.image:
            textured = f'texture="{m.image}"'
        materials.append(
            f'<material name="m{index}" {textured} rgba="{_numbers(m.rgb)} 1" '
            f'specular="{m.specular:.2f}" shininess="{m.shininess:.2f}" '
            f'emission="{m.emission:.2f}" '
            f'reflectance="{m.reflectance:.2f}"/>'
        )
    texture_xml = [
        f'<texture name="{name}" type="{"cube" if cube else "2d"}" file="{kind}_{index}.png"/>'
        for ((kind, index), cube), name in textures.items()
    ]
    assets |= room.files
    texture_xml += [
        f'<texture name="{name}" type="2d" file="{name}"/>'
        for name in room.files
        if name.endswith(".png")
    ]
    mesh_xml = [
        f'<mesh name="{name}" file="{name}" inertia="shell"/>'
        for name in room.files
        if name.endswith(".msh")
    ]
    geoms = [_geom(primitive, number) for number, primitive in enumerate(room.primitives)]
    visual = (
        f'<headlight ambient="{_numbers(room.ambient)}" '
        f'diffuse="{_numbers([room.headlight] * 3)}" '
        f'specular="0 0 0"/><global offwidth="{width}" offheight="{height}"/>'
        f'<quality shadowsize="{max(shadow_size, 1)}" offsamples="{samples}" numslices="16" '
        f'numstacks="10" numquads="2"/><map znear="{NEAR / EXTENT}" zfar="{FAR / EXTENT}"/>'
    )
    lights = _lights(room, shadow_size > 0)
    xml = (
        f'<mujoco><option gravity="0 0 0"/><visual>{visual}</visual>'
        f'<statistic extent="{EXTENT}" center="0 0 1"/>'
        '<default><geom contype="0" conaffinity="0"/></default>'
        f"<asset>{''.join(texture_xml)}{''.join(mesh_xml)}{''.join(materials)}</asset>"
        f"<worldbody>{lights}{''.join(geoms)}"
        '<camera name="camera" fovy="60"/></worldbody></mujoco>'
    )
    return xml, assets


def _geom(primitive: Primitive, number: int) -> str:
    rotation = primitive.rotation
    axes = _numbers([*rotation[:, 0], *rotation[:, 1]])
    size = f'size="{_numbers(primitive.size)}"'
    if primitive.kind == "mesh":
        size = f'mesh="{primitive.mesh}"'
    return (
        f'<geom name="{primitive.instance}_{number}" type="{primitive.kind}" '
        f'{size} pos="{_numbers(primitive.position)}" '
        f'xyaxes="{axes}" material="m{primitive.material}"/>'
    )


def _lights(room: Room, shadows: bool) -> str:
    return "".join(
        f'<light pos="{_numbers(light.position)}" dir="{_numbers(light.direction)}" '
        f'cutoff="{light.cutoff:.1f}" exponent="{light.exponent:.2f}" '
        f'castshadow="{str(light.casts_shadow and shadows).lower()}" '
        f'diffuse="{_numbers(light.diffuse)}" specular="0.25 0.25 0.25" '
        f'attenuation="1 {light.attenuation:.3f} 0"/>'
        for light in room.lights
    )


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.5f}" for value in values)
