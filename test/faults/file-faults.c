/*
 * File operations that fail on purpose: preloaded into a process (LD_PRELOAD), it stands between the process and libc and
 * makes the n-th call on files below one directory fail, stop half way, or read other bytes than were written. It meets
 * Node and LMDB alike, which does its own I/O. How to arm it: a file that both sides map, laid out as `struct control`,
 * named by COFFER_FAULTS; test/faults/file-faults.ts writes it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, READ = 8, NAME = 16, LENGTH = 32 };
enum { FAIL = 1, SHORT = 2, TORN = 3, GARBLE = 4 };

struct control {
  int32_t countdown; /* the call that brings it to 0 meets the fault; 0: not armed */
  int32_t error;
  int32_t action;
  int32_t kinds;
  int32_t sticky; /* every later call too */
  int32_t hits;
  int32_t seen;
  int32_t unused;
  char last[224]; /* the call that was hit: name, space, path */
  char root[1024];
};

static struct control *control;

__attribute__((constructor)) static void map_control(void) {
  const char *path = getenv("COFFER_FAULTS");
  int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) control = at;
  close(fd);
}

static int below(const char *path) {
  size_t length = strlen(control->root);
  return length > 0 && strncmp(path, control->root, length) == 0;
}

/* The action that this call meets, or 0. */
static int meet(const char *name, const char *path) {
  if (!below(path)) return 0;
  __atomic_add_fetch(&control->seen, 1, __ATOMIC_SEQ_CST);
  int32_t left = __atomic_sub_fetch(&control->countdown, 1, __ATOMIC_SEQ_CST);
  if (left > 0 || (left < 0 && !control->sticky)) return 0;
  if (__atomic_add_fetch(&control->hits, 1, __ATOMIC_SEQ_CST) == 1)
    snprintf(control->last, sizeof control->last, "%s %s", name, path + strlen(control->root));
  errno = control->error;
  return control->action;
}

static int armed(int kind) {
  return control != NULL && control->action != 0 && (control->kinds & kind) != 0;
}

static int meet_path(int kind, const char *name, const char *path) {
  return armed(kind) ? meet(name, path) : 0;
}

static int meet_fd(int kind, const char *name, int fd) {
  if (!armed(kind)) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return meet(name, path);
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* Half of a write: returned as such (short), or followed by the error (torn). */
#define WRITTEN(action, half) ((action) == SHORT ? (half) : (errno = control->error, -1))

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(write);
  int action = meet_fd(WRITE, "write", fd);
  if (action == 0) return real(fd, bytes, count);
  if (action == FAIL) return -1;
  ssize_t half = real(fd, bytes, (count + 1) / 2);
  return WRITTEN(action, half);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  REAL(pwrite64);
  int action = meet_fd(WRITE, "pwrite", fd);
  if (action == 0) return real(fd, bytes, count, at);
  if (action == FAIL) return -1;
  ssize_t half = real(fd, bytes, (count + 1) / 2, at);
  return WRITTEN(action, half);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev);
  int action = meet_fd(WRITE, "writev", fd);
  if (action == 0) return real(fd, parts, count);
  if (action == FAIL) return -1;
  struct iovec first = {parts[0].iov_base, (parts[0].iov_len + 1) / 2};
  ssize_t half = real(fd, &first, 1);
  return WRITTEN(action, half);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  REAL(pwritev64);
  int action = meet_fd(WRITE, "pwritev", fd);
  if (action == 0) return real(fd, parts, count, at);
  if (action == FAIL) return -1;
  struct iovec first = {parts[0].iov_base, (parts[0].iov_len + 1) / 2};
  ssize_t half = real(fd, &first, 1, at);
  return WRITTEN(action, half);
}

static ssize_t read_result(int action, ssize_t got, char *bytes) {
  if (action == GARBLE && got > 0) bytes[got / 2] ^= 1;
  return got;
}

ssize_t read(int fd, void *bytes, size_t count) {
  REAL(read);
  int action = meet_fd(READ, "read", fd);
  if (action == FAIL || action == TORN) return -1;
  return read_result(action, real(fd, bytes, action == SHORT ? (count + 1) / 2 : count), bytes);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
  REAL(pread64);
  int action = meet_fd(READ, "pread", fd);
  if (action == FAIL || action == TORN) return -1;
  return read_result(action, real(fd, bytes, action == SHORT ? (count + 1) / 2 : count, at), bytes);
}

int fsync(int fd) {
  REAL(fsync);
  return meet_fd(SYNC, "fsync", fd) == 0 ? real(fd) : -1;
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return meet_fd(SYNC, "fdatasync", fd) == 0 ? real(fd) : -1;
}

int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  return meet_fd(LENGTH, "ftruncate", fd) == 0 ? real(fd, length) : -1;
}

int open64(const char *path, int flags, ...) {
  REAL(open64);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return meet_path(OPEN, "open", path) == 0 ? real(path, flags, mode) : -1;
}

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  return meet_path(NAME, "mkdir", path) == 0 ? real(path, mode) : -1;
}

int unlink(const char *path) {
  REAL(unlink);
  return meet_path(NAME, "unlink", path) == 0 ? real(path) : -1;
}

int rename(const char *from, const char *to) {
  REAL(rename);
  return meet_path(NAME, "rename", to) == 0 ? real(from, to) : -1;
}

int link(const char *from, const char *to) {
  REAL(link);
  return meet_path(NAME, "link", to) == 0 ? real(from, to) : -1;
}
