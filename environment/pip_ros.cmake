# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
#
# Read by `colcon build --cmake-args -DCMAKE_PROJECT_INCLUDE=<this file>`.
#
# The ros-* wheels on PyPI export, for every message package, an include
# directory of the machine they were built on (/opt/python/cp311-cp311/...).
# CMake refuses an imported target whose include directory does not exist.
# At the end of each project this drops such directories; the generators add
# the real Python and numpy directories of the active interpreter themselves.
# On a normal ROS install it finds nothing to drop.
include_guard(DIRECTORY)

function(pip_ros_drop_missing_includes)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(old ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT old)
      continue()
    endif()
    set(new "")
    foreach(dir IN LISTS old)
      if(NOT dir MATCHES "^/opt/(python|_internal)/" OR EXISTS "${dir}")
        list(APPEND new "${dir}")
      endif()
    endforeach()
    if(NOT "${new}" STREQUAL "${old}")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${new}")
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL pip_ros_drop_missing_includes)
