/* Rule 1: eight threads use one handle for four seconds, while events are delivered; then one of
 * them destroys it under the others' hands. */
#include "check.h"
#include <time.h>

static monipy_supervisor *shared;
static atomic_int stop;
static atomic_long calls, events;

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  (void)event;
  monipy_is_logged_in(supervisor);
  events++;
}

static void *hammer(void *argument) {
  unsigned n = (unsigned)(uintptr_t)argument;
  int16_t pcm[160] = {0};
  char text[64];
  size_t size;
  monipy_call_id ids[4];
  monipy_stats stats;
  monipy_status status;
  while (!stop) {
    switch (n++ % 12) {
      case 0: status = monipy_terminate(shared, 0); break;
      case 1: status = monipy_login(shared, "1001", "secret"); break;
      case 2: status = monipy_logout(shared); break;
      case 3: status = monipy_is_logged_in(shared); break;
      case 4: status = monipy_call(shared, "100", &ids[0]); break;
      case 5: status = monipy_answer(shared, n); break;
      case 6: status = monipy_send_dtmf(shared, 0, "12#", 0, 0); break;
      case 7: status = monipy_call_list(shared, ids, 4, &size); break;
      case 8: status = monipy_call_text(shared, 0, (int32_t)n % 9, text, sizeof text, &size); break;
      case 9: status = monipy_audio_read(shared, n % 3, pcm, 160, 0); break;
      case 10: status = monipy_audio_write(shared, n % 3, pcm, 160, 0); break;
      default: status = monipy_call_stats(shared, 0, &stats, sizeof stats); break;
    }
    CHECK(status != MONIPY_ERR_INTERNAL);
    calls++;
  }
  return NULL;
}

int main(void) {
  pthread_t thread[8];
  monipy_callbacks callbacks = {sizeof callbacks, 0, NULL, NULL, on_event, NULL, NULL};
  struct timespec four_seconds = {4, 0};
  shared = test_supervisor(&callbacks);
  for (uintptr_t i = 0; i < 8; i++) CHECK_IS(0, pthread_create(&thread[i], NULL, hammer, (void *)(i * 5)));
  nanosleep(&four_seconds, NULL); /* the length of the test, not a way to wait for something */
  CHECK_IS(0, monipy_is_logged_in(shared));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(shared));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_logged_in(shared));
  stop = 1;
  for (int i = 0; i < 8; i++) pthread_join(thread[i], NULL);
  printf("    %ld calls, %ld events\n", (long)calls, (long)events);
  CHECK(calls > 100 && events > 0);
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  return 0;
}
