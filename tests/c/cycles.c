/* A thousand handles come and go: no thread, no descriptor and hardly any memory stays. */
#include "check.h"

static atomic_long frees, events;

static void freed(void *user_data) {
  free(user_data);
  frees++;
}

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  (void)supervisor;
  (void)event;
  events++;
}

static void cycle(int login) {
  monipy_callbacks callbacks = {sizeof callbacks, 0, malloc(100), freed, on_event, NULL, NULL};
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  if (login) CHECK_IS(MONIPY_OK, monipy_login(supervisor, "1001", "secret"));
  provoke(supervisor);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

int main(void) {
  for (int i = 0; i < 200; i++) cycle(i % 4 == 0); /* what stays by design comes now */
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  await_threads(1);
  cycle(1);
  int threads_before = threads(), descriptors_before = descriptors();
  long bytes_before = resident_bytes();
  for (int i = 0; i < 1000; i++) cycle(i % 4 == 0);
  long grown = resident_bytes() - bytes_before;
  printf("    threads %d -> %d, descriptors %d -> %d, grown by %ld KiB, %ld events\n", threads_before, threads(), descriptors_before,
         descriptors(), grown / 1024, (long)events);
  CHECK(instrumented() || grown <= 4 << 20);
  CHECK_IS(1201, frees);
  CHECK(descriptors() <= descriptors_before);
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  await_threads(1);
  return 0;
}
