/* What the C tests share: a check that says where it failed, and a look at the process. */
#ifndef CHECK_H
#define CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <dirent.h>
#include <monipy.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ends the test when it does not hold; says what the library says of it. */
#define CHECK(condition)                                                                                 \
  do {                                                                                                   \
    if (!(condition)) {                                                                                  \
      fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition, monipy_last_error()); \
      abort();                                                                                           \
    }                                                                                                    \
  } while (0)

#define CHECK_IS(expected, expression)                                                                    \
  do {                                                                                                   \
    long long got_ = (long long)(expression), want_ = (long long)(expected);                             \
    if (got_ != want_) {                                                                                 \
      fprintf(stderr, "%s:%d: %s is %lld, not %lld\n  last error: %s\n", __FILE__, __LINE__, #expression, got_, want_, \
              monipy_last_error());                                                                      \
      abort();                                                                                           \
    }                                                                                                    \
  } while (0)

#define RUN(test)          \
  do {                     \
    printf("  %s\n", #test); \
    fflush(stdout);        \
    test();                \
  } while (0)

/* A gate that one thread opens and others wait for. */
typedef struct {
  pthread_mutex_t lock;
  pthread_cond_t change;
  long value;
} counter;

#define COUNTER {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}

static inline void counter_add(counter *c, long n) {
  pthread_mutex_lock(&c->lock);
  c->value += n;
  pthread_cond_broadcast(&c->change);
  pthread_mutex_unlock(&c->lock);
}

static inline long counter_get(counter *c) {
  pthread_mutex_lock(&c->lock);
  long value = c->value;
  pthread_mutex_unlock(&c->lock);
  return value;
}

/* Waits until the count has come; a test that waits for ever is ended by its runner. */
static inline void counter_wait(counter *c, long least) {
  pthread_mutex_lock(&c->lock);
  while (c->value < least) pthread_cond_wait(&c->change, &c->lock);
  pthread_mutex_unlock(&c->lock);
}

/* A configuration for tests: a server that is not there, no sound card. */
static inline monipy_config test_config(void) {
  monipy_config config;
  CHECK_IS(MONIPY_OK, monipy_config_init(&config, sizeof config));
  config.server = "ws://127.0.0.1:9"; /* discard: nobody listens */
  config.audio_mode = MONIPY_AUDIO_APPLICATION;
  return config;
}

static inline monipy_supervisor *test_supervisor(const monipy_callbacks *callbacks) {
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, callbacks, &supervisor));
  CHECK(supervisor != NULL);
  return supervisor;
}

/* A server that takes connections and says nothing: a login there stays under way. Writes its URL. */
static inline int mute_server(char *url, size_t capacity) {
  struct sockaddr_in at;
  socklen_t size = sizeof at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  memset(&at, 0, sizeof at);
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 16) == 0);
  CHECK_IS(0, getsockname(listener, (struct sockaddr *)&at, &size));
  snprintf(url, capacity, "ws://127.0.0.1:%d", ntohs(at.sin_port));
  return listener;
}

/* Makes the library send one event (error, 1002): nothing can be terminated here. */
static inline void provoke(monipy_supervisor *supervisor) {
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_terminate(supervisor, 0));
}

static inline int count_entries(const char *folder) {
  int n = 0;
  DIR *dir = opendir(folder);
  CHECK(dir != NULL);
  while (readdir(dir) != NULL) n++;
  closedir(dir);
  return n - 2; /* . and .. */
}

static inline int threads(void) { return count_entries("/proc/self/task"); }
/* Waits until so many are left: a joined thread stays in the list until the kernel has reaped it.
 * When more are left for good, the runner ends the test. */
static inline void await_threads(int left) {
  while (threads() > left) sched_yield();
}
static inline int descriptors(void) { return count_entries("/proc/self/fd") - 1; /* that of opendir */ }

static inline long resident_bytes(void) {
  long pages = 0, resident = 0;
  FILE *statm = fopen("/proc/self/statm", "r");
  CHECK(statm != NULL && fscanf(statm, "%ld %ld", &pages, &resident) == 2);
  fclose(statm);
  return resident * sysconf(_SC_PAGESIZE);
}

/* valgrind and AddressSanitizer make memory and time mean something else. */
static inline int instrumented(void) {
  const char *mode = getenv("MONIPY_TEST_MODE");
  return mode != NULL && strcmp(mode, "plain") != 0 && strcmp(mode, "static") != 0;
}

#endif
