# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for `launch` and `launch_ros` where they cannot be installed: records what a launch
file asks for. Only what our launch files use, under the same names."""

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

SHARE = "/share"


class Recorded:
    """Anything that is only made and looked at."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs


class Node(Recorded):
    pass


class ParameterValue(Recorded):
    """A parameter with its type."""

    @property
    def typed(self) -> tuple[Any, type]:
        return self.args[0], self.kwargs["value_type"]


class LaunchConfiguration(Recorded):
    def perform(self, context: dict[str, str]) -> str:
        return context[self.args[0]]


class PathJoinSubstitution(Recorded):
    def perform(self, context: dict[str, str]) -> str:
        return "/".join(p if isinstance(p, str) else p.perform(context) for p in self.args[0])


class FindPackageShare(Recorded):
    def perform(self, context: dict[str, str]) -> str:
        return f"{SHARE}/{self.args[0]}"


class DeclareLaunchArgument(Recorded):
    @property
    def name(self) -> str:
        return self.args[0]

    def value(self, given: dict[str, str]) -> str:
        """What is given, else the default; refused if it is not among the choices."""
        default = self.kwargs["default_value"]
        value = given.get(self.name, default if isinstance(default, str) else default.perform({}))
        choices = self.kwargs.get("choices")
        if choices is not None and value not in choices:
            raise ValueError(f"{self.name}: {value!r} is not one of {choices}")
        return value


class OpaqueFunction(Recorded):
    pass


class IncludeLaunchDescription(Recorded):
    pass


class LaunchDescription(Recorded):
    pass


class LaunchFile:
    """One launch file, executed with the stand-ins.

    Args:
        path: of the file.
        modules: of the stand-ins by name, for files that need others.
    """

    def __init__(self, path: Path) -> None:
        spec = importlib.util.spec_from_file_location(path.name.replace(".", "_"), path)
        module = importlib.util.module_from_spec(spec)
        with mock.patch.dict(sys.modules, _modules()):
            spec.loader.exec_module(module)
            self.entities = list(module.generate_launch_description().args[0])

    @property
    def arguments(self) -> list[DeclareLaunchArgument]:
        return [e for e in self.entities if isinstance(e, DeclareLaunchArgument)]

    def actions(self, **given: str) -> list[Recorded]:
        """What is started with these arguments."""
        context = {argument.name: argument.value(given) for argument in self.arguments}
        assert set(given) <= set(context), set(given) - set(context)
        started: list[Recorded] = []
        for entity in self.entities:
            if isinstance(entity, OpaqueFunction):
                started += entity.kwargs["function"](context)
            elif not isinstance(entity, DeclareLaunchArgument):
                started.append(entity)
        return started


def _modules() -> dict[str, ModuleType]:
    contents: dict[str, Iterable[type]] = {
        "launch": (LaunchDescription,),
        "launch.actions": (DeclareLaunchArgument, OpaqueFunction, IncludeLaunchDescription),
        "launch.substitutions": (LaunchConfiguration, PathJoinSubstitution),
        "launch.launch_description_sources": (),
        "launch_ros": (),
        "launch_ros.actions": (Node,),
        "launch_ros.parameter_descriptions": (ParameterValue,),
        "launch_ros.substitutions": (FindPackageShare,),
    }
    modules = {}
    for name, kinds in contents.items():
        modules[name] = ModuleType(name)
        for kind in kinds:
            setattr(modules[name], kind.__name__, kind)
    modules["launch"].LaunchContext = dict
    source = modules["launch.launch_description_sources"]
    source.PythonLaunchDescriptionSource = Recorded
    return modules
