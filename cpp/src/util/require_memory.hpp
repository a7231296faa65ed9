// Asks for memory, and gives it back, before a call that cannot report that there is none.
//
// The C library ends the process where a new thread, or a library that a thread enters for the first time, cannot have
// its thread-local data. A few small blocks: what was just free for a large one has room for them.
#pragma once

#include <cstddef>
#include <new>

namespace liid_cut {

// Throws std::bad_alloc where so many bytes cannot be allocated now.
inline void require_memory(std::size_t bytes) {
  void* volatile block = ::operator new(bytes);  // volatile: compilers may leave out a pair of new and delete
  ::operator delete(block);
}

}  // namespace liid_cut
