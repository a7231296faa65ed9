// Makes chosen allocations of a process fail, and counts the blocks that are alive; loaded by LD_PRELOAD.
//
// Input: fault_arm(n, forever) lets the n-th allocation from now on (1: the next) fail, in any thread, and with `forever`
// all after it. Output: fault_count(), the allocations since then, and fault_live(), blocks allocated less blocks freed
// since the process began. operator new of every C++ library ends here too. fault_threads(n, forever) does the same to
// pthread_create, and fault_threads_asked() counts its calls since. For glibc, whose own names stand behind the public
// ones.
//
// Allocations of thread-local data, by the loader and by the registration of its destructors, are let through and
// counted apart: where they fail, glibc ends the process, and no library above it can report anything.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

typedef struct {
  atomic_long count, first, forever;
} Faults;

typedef struct {
  uintptr_t begin, end;
} Range;

static Faults blocks, threads;
static atomic_long live, spared;
static atomic_int in_highs;
static _Thread_local int inside;
static Range loader, destructors;

static int find_loader(struct dl_phdr_info* info, size_t size, void* unused) {
  (void)size;
  (void)unused;
  if (strstr(info->dlpi_name, "/ld-linux") == NULL) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)* part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    loader.begin = info->dlpi_addr + part->p_vaddr;
    loader.end = loader.begin + part->p_memsz;
  }
  return 1;
}

__attribute__((constructor)) static void find_what_cannot_fail(void) {
  dl_iterate_phdr(find_loader, NULL);
  destructors.begin = (uintptr_t)dlsym(RTLD_DEFAULT, "__cxa_thread_atexit_impl");
  destructors.end = destructors.begin == 0 ? 0 : destructors.begin + 256;
}

static int holds(const Range* range, const void* address) {
  return range->begin <= (uintptr_t)address && (uintptr_t)address < range->end;
}

static void arm(Faults* faults, long first, int forever) {
  atomic_store(&faults->first, 0);
  atomic_store(&faults->count, 0);
  atomic_store(&faults->forever, forever);
  atomic_store(&spared, 0);
  atomic_store(&in_highs, 0);
  atomic_store(&faults->first, first);
}

static int fails(Faults* faults) {
  const long first = atomic_load(&faults->first);
  if (first == 0) return 0;
  const long now = atomic_fetch_add(&faults->count, 1) + 1;
  return now == first || (now > first && atomic_load(&faults->forever));
}

void fault_arm(long first, int forever) { arm(&blocks, first, forever); }
void fault_threads(long first, int forever) { arm(&threads, first, forever); }
long fault_threads_asked(void) { return atomic_load(&threads.count); }
void fault_disarm(void) {
  atomic_store(&blocks.first, 0);
  atomic_store(&threads.first, 0);
}
// Whether a fault struck inside HiGHS since then.
int fault_in_highs(void) { return atomic_load(&in_highs); }
long fault_count(void) { return atomic_load(&blocks.count); }
long fault_spared(void) { return atomic_load(&spared); }
long fault_live(void) { return atomic_load(&live); }

static void* counted(void* block) {
  if (block != NULL) atomic_fetch_add(&live, 1);
  return block;
}

static int no_memory(const void* caller) {
  if (atomic_load(&blocks.first) == 0) return 0;
  if (holds(&loader, caller) || holds(&destructors, caller)) {
    atomic_fetch_add(&spared, 1);
    return 0;
  }
  if (!fails(&blocks)) return 0;
  if (inside) atomic_store(&in_highs, 1);
  errno = ENOMEM;
  return 1;
}

#define CALLER __builtin_return_address(0)

void* malloc(size_t size) { return no_memory(CALLER) ? NULL : counted(__libc_malloc(size)); }

void* calloc(size_t n, size_t size) { return no_memory(CALLER) ? NULL : counted(__libc_calloc(n, size)); }

void* realloc(void* block, size_t size) {
  if (no_memory(CALLER)) return NULL;
  void* moved = __libc_realloc(block, size);
  if (block == NULL) return counted(moved);
  if (moved == NULL && size == 0) atomic_fetch_sub(&live, 1);
  return moved;
}

void free(void* block) {
  if (block != NULL) atomic_fetch_sub(&live, 1);
  __libc_free(block);
}

void* memalign(size_t alignment, size_t size) {
  return no_memory(CALLER) ? NULL : counted(__libc_memalign(alignment, size));
}

void* aligned_alloc(size_t alignment, size_t size) {
  return no_memory(CALLER) ? NULL : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void** block, size_t alignment, size_t size) {
  if (no_memory(CALLER)) return ENOMEM;
  *block = counted(__libc_memalign(alignment, size));
  return *block == NULL ? ENOMEM : 0;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  typedef int (*Create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  if (fails(&threads)) return EAGAIN;
  return ((Create)dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, start, argument);
}

static int find_highs(struct dl_phdr_info* info, size_t size, void* path) {
  (void)size;
  if (strstr(info->dlpi_name, "libliid_highs") == NULL) return 0;
  *(const char**)path = info->dlpi_name;
  return 1;
}

static void* of_highs(const char* name) {
  const char* path = NULL;
  dl_iterate_phdr(find_highs, &path);
  return dlsym(dlopen(path, RTLD_LAZY | RTLD_NOLOAD), name);
}

// HiGHS's own, between two marks.
void* Highs_create(void) {
  void* (*create)(void) = (void* (*)(void))of_highs("Highs_create");
  inside = 1;
  void* made = create();
  inside = 0;
  return made;
}

int Highs_run(void* highs) {
  int (*run)(void*) = (int (*)(void*))of_highs("Highs_run");
  inside = 1;
  const int status = run(highs);
  inside = 0;
  return status;
}
