/* Rule 15: exit with live handles, fork, shutdown and dlclose. */
#include "check.h"
#include <dlfcn.h>
#include <sys/wait.h>

static counter in_callback = COUNTER;

static void provoke_more(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  (void)event;
  counter_add(&in_callback, 1);
  monipy_terminate(supervisor, 0); /* its event comes next: callbacks go on for ever */
}

static void block(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  static counter never = COUNTER;
  (void)user_data;
  (void)supervisor;
  (void)event;
  counter_add(&in_callback, 1);
  counter_wait(&never, 1);
}

static void exit_inside(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  (void)supervisor;
  (void)event;
  exit(7);
}

/* Runs a program's life in a child and gives its exit status. The child is forked before the
 * library is used, so it is a process of its own. */
static int life(void (*body)(void)) {
  int status = 0;
  fflush(stdout);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    body();
    exit(0);
  }
  CHECK_IS(child, waitpid(child, &status, 0));
  if (WIFSIGNALED(status)) fprintf(stderr, "the child died of signal %d\n", WTERMSIG(status));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void live(void (*on_event)(void *, monipy_supervisor *, const monipy_event *)) {
  for (int i = 0; i < 20; i++) {
    monipy_callbacks callbacks = {sizeof callbacks, 0, NULL, NULL, on_event, NULL, NULL};
    monipy_supervisor *supervisor = test_supervisor(&callbacks);
    monipy_login(supervisor, "1001", "secret");
    monipy_terminate(supervisor, 0);
  }
}

static void busy_life(void) {
  live(provoke_more);
  counter_wait(&in_callback, 100);
}

static void blocked_life(void) {
  live(block);
  counter_wait(&in_callback, 1);
}

static void life_ended_inside_a_callback(void) {
  live(exit_inside);
  pause();
}

static void exit_with_live_handles_is_safe(void) {
  int rounds = instrumented() ? 2 : 10;
  for (int i = 0; i < rounds; i++) CHECK_IS(0, life(busy_life));
  CHECK_IS(0, life(blocked_life));
  for (int i = 0; i < rounds; i++) CHECK_IS(7, life(life_ended_inside_a_callback));
}

static void shut_down_life(void) {
  live(provoke_more);
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  await_threads(1);
  /* And again: the library starts anew. */
  live(provoke_more);
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  await_threads(1);
  CHECK_IS(MONIPY_OK, monipy_shutdown(0));
}

static void shutdown_joins_every_thread_and_can_be_repeated(void) { CHECK_IS(0, life(shut_down_life)); }

static void forking_life(void) {
  monipy_callbacks callbacks = {sizeof callbacks, 0, NULL, NULL, provoke_more, NULL, NULL};
  monipy_supervisor *supervisor = test_supervisor(&callbacks), *another = NULL;
  monipy_config config = test_config();
  int status = 0;
  monipy_terminate(supervisor, 0);
  counter_wait(&in_callback, 10);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const monipy_event *event = NULL;
    CHECK_IS(MONIPY_ERR_FORKED, monipy_is_logged_in(supervisor));
    CHECK_IS(MONIPY_ERR_FORKED, monipy_login(supervisor, "id", "secret"));
    CHECK_IS(MONIPY_ERR_FORKED, monipy_supervisor_create(&config, NULL, &another));
    CHECK_IS(MONIPY_ERR_FORKED, monipy_wait_event(supervisor, UINT32_MAX, &event));
    CHECK_IS(MONIPY_ERR_FORKED, monipy_set_log_callback(NULL, NULL, NULL, 0));
    CHECK_IS(MONIPY_ERR_FORKED, monipy_supervisor_destroy(supervisor));
    CHECK_IS(MONIPY_ERR_FORKED, monipy_shutdown(1000));
    CHECK_IS(MONIPY_VERSION, monipy_version());
    CHECK(strlen(monipy_last_error()) > 10);
    /* Leak checkers would report what the parent's threads hold, which do not exist here. */
    if (instrumented()) execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
    exit(5); /* runs the exit hook in the child too */
  }
  CHECK_IS(child, waitpid(child, &status, 0));
  CHECK(WIFEXITED(status));
  CHECK_IS(5, WEXITSTATUS(status));
  /* The parent goes on undisturbed. */
  CHECK_IS(0, monipy_is_logged_in(supervisor));
  counter_wait(&in_callback, counter_get(&in_callback) + 5);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static void after_fork_the_child_is_told_and_the_parent_goes_on(void) { CHECK_IS(0, life(forking_life)); }

#ifndef MONIPY_STATIC
/* The library by its name, in a program that has not used the one it is linked with. */
static void dlclosing_life(void) {
  for (int round = 0; round < 3; round++) {
    void *library = dlmopen(LM_ID_NEWLM, getenv("MONIPY_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      abort();
    }
    monipy_status (*init)(monipy_config *, size_t) = (monipy_status(*)(monipy_config *, size_t))dlsym(library, "monipy_config_init");
    monipy_status (*create)(const monipy_config *, const monipy_callbacks *, monipy_supervisor **) =
        (monipy_status(*)(const monipy_config *, const monipy_callbacks *, monipy_supervisor **))dlsym(library, "monipy_supervisor_create");
    monipy_status (*shut)(uint32_t) = (monipy_status(*)(uint32_t))dlsym(library, "monipy_shutdown");
    CHECK(init && create && shut);
    monipy_config config;
    monipy_supervisor *supervisor = NULL;
    CHECK_IS(MONIPY_OK, init(&config, sizeof config));
    config.server = "ws://127.0.0.1:9";
    CHECK_IS(MONIPY_OK, create(&config, NULL, &supervisor));
    CHECK_IS(MONIPY_OK, shut(10000));
    await_threads(1);
    CHECK_IS(0, dlclose(library));
  }
}

static void after_shutdown_the_library_can_be_unloaded(void) { CHECK_IS(0, life(dlclosing_life)); }
#endif

int main(void) {
  RUN(exit_with_live_handles_is_safe);
  RUN(shutdown_joins_every_thread_and_can_be_repeated);
  RUN(after_fork_the_child_is_told_and_the_parent_goes_on);
#ifndef MONIPY_STATIC
  if (!instrumented()) RUN(after_shutdown_the_library_can_be_unloaded);
#endif
  return 0;
}
